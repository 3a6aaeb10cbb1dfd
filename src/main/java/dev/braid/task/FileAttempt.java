package dev.braid.task;

import dev.braid.parquet.FileSchema;
import dev.braid.parquet.ParquetRows;
import dev.braid.publish.Publication;
import dev.braid.publish.RunDirectory;
import dev.braid.rows.VectorOutput;
import dev.braid.tables.WriterSettings;
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
 * A Parquet file that a task attempt writes under its own name. The file is created when it is first needed. The first
 * attempt that completes its file renames it to the published name; all attempts would write the same rows. In an object
 * store, where a rename is a copy, the file keeps its own name, and the task's record says whose file counts.
 */
public final class FileAttempt implements Quarantine.RowFile {
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
     * @param name the published name in that directory, without its ending
     * @param number of the file among the files of the attempt; 0 for the quarantine's file
     */
    public FileAttempt(Path directory, String name, int number, FileSchema columns, Configuration settings)
            throws IOException {
        this.directory = directory;
        this.files = directory.getFileSystem(settings);
        boolean isObject = Publication.isObjectStore(files, directory);
        String ending = WriterSettings.codec(settings).getExtension() + ".parquet";
        // Without a rename, each attempt needs a name of its own, even if another driver runs the same task.
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

    /** Opens the file unless it is open. */
    public ParquetRows open() {
        if (rows == null) {
            CompressionCodecName codec = WriterSettings.codec(settings);
            try {
                rows = new ParquetRows(path, columns, codec, settings);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
            vectors = new FileVectors(rows.vectors());
        }
        return rows;
    }

    /** The output for the vectors of the file's next row. */
    public VectorOutput vectors() {
        open();
        return vectors;
    }

    /** The counts of the file's rows. The caller adds each row. */
    Tally tally() {
        return tally;
    }

    /** Approximate bytes that the file holds in memory. */
    long buffered() {
        return rows == null || complete ? 0 : rows.buffered();
    }

    /** Writes a row of a file without vectors. */
    @Override
    public void write(InternalRow row) throws IOException {
        open().begin();
        open().end(row);
    }

    /** Completes the file, if there is one. Afterwards it accepts no rows and holds no memory. */
    void complete() throws IOException {
        if (rows != null && !complete) {
            rows.finish();
            rows.close();
            complete = true;
        }
    }

    /** Completes the file and publishes it, unless another attempt has. Returns its name, or null if there is no file. */
    public String publish() throws IOException {
        if (rows == null) {
            return null;
        }
        complete();
        if (path.equals(published)) {
            // If the run was deleted meanwhile, its file must be deleted too.
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

    /** Makes the directory of a partition, unless the run was deleted meanwhile: its directory must not come back. */
    private void makeDirectory() throws IOException {
        if (!files.exists(published.getParent())) {
            if (!files.exists(path)) {
                throw new FileNotFoundException("'" + path + "' is gone");
            }
            files.mkdirs(published.getParent());
        }
    }

    /** Closes the file, and deletes it unless it was published. */
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
