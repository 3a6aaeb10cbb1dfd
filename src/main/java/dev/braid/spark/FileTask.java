package dev.braid.spark;

import dev.braid.parquet.FileSchema;
import dev.braid.parquet.ParquetRows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a task of a run does: fuses the rows of its partitions and writes them to a file, row by row, and a record beside it.
 * Attempts write under names of their own, and the first that is complete takes the file's name; all would write the same
 * bytes.
 */
final class FileTask implements Function2<Integer, Iterator<StoredRow>, Iterator<Void>> {
    private static final long serialVersionUID = 1L;

    private static final Logger log = LoggerFactory.getLogger(FileTask.class);

    private final FusePartition partition;
    private final FileSchema columns;
    private final Target target;
    private final List<List<Integer>> groups;
    private final CompressionCodecName codec;
    private final SerializableConfiguration settings;

    /**
     * Where the files of a run go.
     *
     * @param directory that exists
     * @param run its identifier, part of every name
     * @param plan digest of how the input is split
     */
    record Target(String directory, String run, String plan) implements java.io.Serializable {
        Path path() {
            return new Path(directory);
        }
    }

    /**
     * The tasks of a run.
     *
     * @param columns of the files
     * @param groups of each task, the partitions of the input that it covers; none for a task that is finished
     * @param settings of Hadoop and of the Parquet writer
     */
    FileTask(
            FusePartition partition,
            FileSchema columns,
            Target target,
            List<List<Integer>> groups,
            Configuration settings) {
        this.partition = partition;
        this.columns = columns;
        this.target = target;
        this.groups = groups;
        this.codec = SparkSettings.codec(settings);
        this.settings = new SerializableConfiguration(settings);
    }

    @Override
    public Iterator<Void> call(Integer index, Iterator<StoredRow> rows) throws IOException {
        List<Integer> group = groups.get(index);
        if (!group.isEmpty()) {
            write(group, rows);
        }
        return Collections.emptyIterator();
    }

    private void write(List<Integer> group, Iterator<StoredRow> rows) throws IOException {
        int first = group.get(0);
        String name = String.format(Locale.ROOT, "part-%05d-%s%s.parquet", first, target.run(), codec.getExtension());
        try (Attempt file = new Attempt(TaskContext.get().taskAttemptId() + "-" + name)) {
            FusedRows fused =
                    partition.fuse(rows, () -> new FileVectors(file.open().vectors()));
            while (fused.hasNext()) {
                InternalRow row = fused.next();
                file.open().end(row);
            }
            if (first == 0) {
                file.open(); // One file at least shows the columns.
            }
            String written = file.publish(name);
            Tally tally = fused.tally();
            Shard shard = new Shard(
                    target.plan(),
                    group,
                    written,
                    tally.rows(),
                    tally.tokens(),
                    tally.truncated(),
                    String.format(Locale.ROOT, "%016x", tally.fingerprint()),
                    null,
                    Map.of());
            file.record(shard, RunDirectory.shard(target.path(), first));
            fused.written();
        }
    }

    /** The file of an attempt, made when it is needed. */
    private final class Attempt implements AutoCloseable {
        private final Path path;
        private final FileSystem files;
        private ParquetRows rows;
        private boolean published;

        Attempt(String name) throws IOException {
            this.path = new Path(new Path(target.path(), RunDirectory.ATTEMPTS), name);
            this.files = path.getFileSystem(settings.value());
        }

        ParquetRows open() {
            if (rows == null) {
                try {
                    rows = new ParquetRows(path, columns, codec, settings.value());
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            }
            return rows;
        }

        /** Completes the file and gives it its name, unless another attempt has; null if there is no file. */
        String publish(String name) throws IOException {
            if (rows == null) {
                return null;
            }
            rows.finish();
            Path published = new Path(target.path(), name);
            if (!files.rename(path, published) && !files.exists(published)) {
                throw new IOException("Cannot rename '" + path + "' to '" + published + "'");
            }
            this.published = true;
            return name;
        }

        /** Says that the task is finished. */
        void record(Shard shard, Path record) throws IOException {
            Json.write(shard, record, path.getParent(), files);
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
                    files.delete(path, false);
                }
            } catch (IOException | RuntimeException failure) {
                log.debug("'{}' stays until the run ends", path, failure);
            }
        }
    }
}
