package dev.braid.task;

import dev.braid.parquet.FileSchema;
import dev.braid.rows.VectorOutput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * The files of fused rows that a task attempt writes: one, or one for each partition of the table that its rows belong to.
 * Together they hold at most about one row group in memory. At most {@value #MOST_OPEN} are open at a time. If a further
 * partition needs a file, the file that was used longest ago is completed; more rows of its partition begin another file.
 *
 * <p>So with more than {@value #MOST_OPEN} partitions, the order of the rows decides which rows a file holds. {@code
 * FusionEngine.write} makes sure that every attempt reads the rows in the same order.
 */
public final class TaskFiles implements AutoCloseable {
    public static final int MOST_OPEN = 64;

    private final Path directory;
    private final String name;
    private final FileSchema columns;
    private final PartitionPath partitions;
    private final Configuration settings;
    private final long mostBuffered;

    private final List<Begun> all = new ArrayList<>();
    /** By partition; the file that was used longest ago comes first. */
    private final Map<String, FileAttempt> open = new LinkedHashMap<>(16, 0.75f, true);
    /** The number of files of each partition. */
    private final Map<String, Integer> counts = new HashMap<>();

    /** The file of the row that is being written. */
    private FileAttempt current;

    private long buffered;

    /** A file, and the path of its partition. */
    private record Begun(String partition, FileAttempt file) {}

    /**
     * A complete file.
     *
     * @param path in the directory of the run
     */
    record Written(String path, Tally tally) {}

    /**
     * The files of an attempt.
     *
     * @param directory of the run
     * @param name of each file in its partition's directory, without its ending
     * @param columns of each file
     */
    TaskFiles(Path directory, String name, FileSchema columns, PartitionPath partitions, Configuration settings) {
        this.directory = directory;
        this.name = name;
        this.columns = columns;
        this.partitions = partitions;
        this.settings = settings;
        this.mostBuffered = ParquetOutputFormat.getLongBlockSize(settings);
    }

    /** Gives the output for the vectors of the next row, which has these carried values. */
    VectorOutput vectors(InternalRow carried) {
        String partition = partitions.of(carried);
        current = open.get(partition);
        if (current == null) {
            try {
                current = begin(partition);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }
        return current.vectors();
    }

    /**
     * Ends the row whose vectors were written.
     *
     * @param row its other values
     * @param count adds the row to the counts of its file
     */
    void end(InternalRow row, Consumer<Tally> count) throws IOException {
        long before = current.buffered();
        current.open().end(row);
        count.accept(current.tally());
        buffered += current.buffered() - before;
        if (buffered > mostBuffered) {
            FileAttempt largest = open.values().stream()
                    .max(Comparator.comparing(FileAttempt::buffered))
                    .orElseThrow();
            buffered -= largest.buffered();
            largest.open().flush();
        }
    }

    private FileAttempt begin(String partition) throws IOException {
        if (open.size() == MOST_OPEN) {
            Iterator<FileAttempt> oldest = open.values().iterator();
            FileAttempt unused = oldest.next();
            buffered -= unused.buffered();
            unused.complete();
            oldest.remove();
        }
        int earlier = counts.merge(partition, 1, Integer::sum) - 1;
        String place = partition.isEmpty() ? name : partition + "/" + name;
        String unique = earlier == 0 ? place : place + "-" + earlier;
        FileAttempt file = new FileAttempt(directory, unique, 1 + all.size(), columns, settings);
        all.add(new Begun(partition, file));
        open.put(partition, file);
        return file;
    }

    /** If there are no partitions, makes sure that there is a file that shows the columns, even if there are no rows. */
    void showColumns() throws IOException {
        if (!partitions.isEmpty()) {
            return;
        }
        if (all.isEmpty()) {
            begin("");
        }
        all.get(0).file().open();
    }

    /** Completes and publishes the files, sorted by their paths. */
    List<Written> publish() throws IOException {
        List<Written> written = new ArrayList<>();
        for (Begun begun : all) {
            FileAttempt file = begun.file();
            if (begun.partition().isEmpty() || file.tally().rows() > 0) {
                String path = file.publish();
                written.add(
                        new Written(begun.partition().isEmpty() ? path : begun.partition() + "/" + path, file.tally()));
            }
        }
        written.sort(Comparator.comparing(Written::path));
        return written;
    }

    /** Deletes what a failed attempt has left. */
    @Override
    public void close() {
        all.forEach(begun -> begun.file().close());
    }
}
