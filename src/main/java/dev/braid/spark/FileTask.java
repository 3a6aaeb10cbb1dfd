package dev.braid.spark;

import dev.braid.parquet.FileSchema;
import dev.braid.parquet.ParquetRows;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a task of a run does: fuses the rows of its partition and writes them to a file, row by row. Attempts write under
 * names of their own, and the first that is complete takes the file's name; all would write the same bytes.
 */
final class FileTask implements Function2<Integer, Iterator<StoredRow>, Iterator<String>> {
    private static final long serialVersionUID = 1L;

    private static final Logger log = LoggerFactory.getLogger(FileTask.class);

    private final FusePartition partition;
    private final FileSchema columns;
    private final String directory;
    private final CompressionCodecName codec;
    private final SerializableConfiguration settings;
    private final UUID run = UUID.randomUUID();

    /**
     * A task of a run.
     *
     * @param columns of the files
     * @param directory that exists, and {@link #attempts} in it
     * @param settings of Hadoop and of the Parquet writer
     */
    FileTask(FusePartition partition, FileSchema columns, String directory, Configuration settings) {
        this.partition = partition;
        this.columns = columns;
        this.directory = directory;
        this.codec = SparkSettings.codec(settings);
        this.settings = new SerializableConfiguration(settings);
    }

    /** The directory of unfinished files. */
    static Path attempts(String directory) {
        return new Path(directory, "_attempts");
    }

    /**
     * Fuses a partition.
     *
     * @return the name of its file; nothing if there is no row, unless it is the first partition: one file at least shows
     *     the columns
     */
    @Override
    public Iterator<String> call(Integer index, Iterator<StoredRow> rows) throws IOException {
        String name = String.format(Locale.ROOT, "part-%05d-%s%s.parquet", index, run, codec.getExtension());
        Path attempt = new Path(attempts(directory), TaskContext.get().taskAttemptId() + "-" + name);
        try (Attempt file = new Attempt(attempt)) {
            FusedRows fused =
                    partition.fuse(rows, () -> new FileVectors(file.open().vectors()));
            while (fused.hasNext()) {
                var row = fused.next();
                file.open().end(row);
            }
            if (index == 0) {
                file.open();
            }
            List<String> written = file.publish(new Path(directory, name)) ? List.of(name) : List.of();
            fused.written();
            return written.iterator();
        }
    }

    /** The file of an attempt, made when it is needed. */
    private final class Attempt implements AutoCloseable {
        private final Path path;
        private ParquetRows rows;
        private boolean published;

        Attempt(Path path) {
            this.path = path;
        }

        ParquetRows open() {
            if (rows == null) {
                try {
                    rows = new ParquetRows(path, columns, codec, settings.value());
                } catch (IOException failure) {
                    throw new java.io.UncheckedIOException(failure);
                }
            }
            return rows;
        }

        /** Completes the file and gives it its name, unless another attempt has; false if there is none. */
        boolean publish(Path name) throws IOException {
            if (rows == null) {
                return false;
            }
            rows.finish();
            FileSystem files = path.getFileSystem(settings.value());
            if (!files.rename(path, name) && !files.exists(name)) {
                throw new IOException("Cannot rename '" + path + "' to '" + name + "'");
            }
            published = true;
            return true;
        }

        /** Removes what an attempt that failed has left. */
        @Override
        public void close() {
            if (rows == null) {
                return;
            }
            try {
                rows.close();
                if (!published) {
                    path.getFileSystem(settings.value()).delete(path, false);
                }
            } catch (IOException | RuntimeException failure) {
                log.debug("'{}' stays until the run ends", path, failure);
            }
        }
    }
}
