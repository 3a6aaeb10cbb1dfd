package dev.braid.spark;

import dev.braid.parquet.FileSchema;
import dev.braid.parquet.ParquetRows;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Parquet file that a task attempt writes under a name of its own, made when it is needed. The first attempt that completes
 * it gives it the name that it is to have; all would write the same rows. In an object store, where a rename is a copy, it keeps
 * its own name: the task's record says whose file counts.
 */
final class FileAttempt implements Quarantine.RowFile {
    private static final Logger log = LoggerFactory.getLogger(FileAttempt.class);

    private final Path directory;
    private final Path path;
    private final Path published;
    private final FileSchema columns;
    private final Configuration settings;
    private final FileSystem files;
    private final Tally tally = new Tally();
    /** Null until it is needed. */
    private ParquetRows rows;

    private VectorOutput vectors;
    private boolean complete;
    private boolean done;

    /**
     * An attempt of a task.
     *
     * @param directory of the run
     * @param name that the file is to have in it, without its ending
     * @param number of the file among those that the attempt writes; 0 for the quarantine's
     */
    FileAttempt(Path directory, String name, int number, FileSchema columns, Configuration settings)
            throws IOException {
        this.directory = directory;
        this.files = directory.getFileSystem(settings);
        boolean isObject = Publication.isObjectStore(files, directory);
        String ending = SparkSettings.codec(settings).getExtension() + ".parquet";
        // Attempts of another driver may have the same numbers.
        String own = isObject ? "-" + UUID.randomUUID().toString().substring(0, 8) : "";
        this.published = new Path(directory, name + own + ending);
        this.path = isObject
                ? published
                : new Path(
                        new Path(directory, RunDirectory.ATTEMPTS),
                        TaskContext.get().taskAttemptId() + "-" + number + "-" + published.getName());
        this.columns = columns;
        this.settings = settings;
    }

    /** The file, which exists from now on. */
    ParquetRows open() {
        if (rows == null) {
            CompressionCodecName codec = SparkSettings.codec(settings);
            try {
                rows = new ParquetRows(path, columns, codec, settings);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
            vectors = new FileVectors(rows.vectors());
        }
        return rows;
    }

    /** What takes the vectors of the file's next row. */
    VectorOutput vectors() {
        open();
        return vectors;
    }

    /** The rows of the file. */
    Tally tally() {
        return tally;
    }

    /** The bytes that it holds in memory, about. */
    long buffered() {
        return rows == null || complete ? 0 : rows.buffered();
    }

    /** Writes a row of a file without vectors. */
    @Override
    public void write(InternalRow row) throws IOException {
        open().begin();
        open().end(row);
    }

    /** Ends the file, if there is one; it takes no further row, and holds no memory. */
    void complete() throws IOException {
        if (rows != null && !complete) {
            rows.finish();
            rows.close();
            complete = true;
        }
    }

    /** Completes the file and gives it its name, unless another attempt has; returns the name, or null without a file. */
    String publish() throws IOException {
        if (rows == null) {
            return null;
        }
        complete();
        if (path.equals(published)) {
            // A file of a run that has been deleted meanwhile must go, too.
            if (!files.exists(new Path(directory, RunDirectory.PLAN))) {
                throw new FileNotFoundException("'" + directory + "' is gone");
            }
            done = true;
            return published.getName();
        }
        makeDirectory();
        if (!files.rename(path, published) && !files.exists(published)) {
            throw new IOException("Cannot rename '" + path + "' to '" + published + "'");
        }
        done = true;
        return published.getName();
    }

    /** The directory of a partition; that of a run which has been deleted meanwhile must not come back. */
    private void makeDirectory() throws IOException {
        if (!files.exists(published.getParent())) {
            if (!files.exists(path)) {
                throw new FileNotFoundException("'" + path + "' is gone");
            }
            files.mkdirs(published.getParent());
        }
    }

    /** Removes what an attempt that failed has left. */
    @Override
    public void close() {
        if (rows == null) {
            return;
        }
        try {
            if (!complete) {
                rows.close();
            }
            if (!done) {
                files.delete(path, false);
            }
        } catch (IOException | RuntimeException failure) {
            log.debug("'{}' stays until the run ends", path, failure);
        }
    }
}
