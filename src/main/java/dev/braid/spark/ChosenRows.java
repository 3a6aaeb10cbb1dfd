package dev.braid.spark;

import static org.apache.spark.sql.functions.col;

import dev.braid.rows.SparkRows;
import dev.braid.tables.PairedColumns;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.LongStream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;

/**
 * Some rows of a table of files, chosen by their keys before any other column is read. A scan of the key column has the same
 * partitions as a scan of all columns, with the same rows in the same order. So the keys give the numbers of the chosen rows
 * in each partition. A partition without a chosen row is not read. Driver only.
 */
public final class ChosenRows {
    private static final String KEY = PairedColumns.KEY;
    private static final String CHOSEN = "chosen";
    private static final String PLACE = "place";

    private ChosenRows() {}

    /**
     * The rows among {@code rows} that have one of these keys.
     *
     * @param rows rows of the table, in the partitions of its scan
     * @param table a plain scan, with a column {@link PairedColumns#KEY}
     * @param keys the keys to choose, each once; null chooses the rows without a key
     * @param few whether the keys are few enough to be sent to every executor
     */
    static <T> JavaRDD<T> of(JavaRDD<T> rows, Dataset<Row> table, Dataset<Row> keys, boolean few) {
        return rows.zipPartitions(numbers(table, keys, few, rows.getNumPartitions()), Chosen::new);
    }

    /**
     * For each partition of a table, the numbers of the rows that have one of these keys: one ascending array, or nothing.
     *
     * @param partitions the number of partitions of the rows to choose from
     */
    public static JavaRDD<long[]> numbers(Dataset<Row> table, Dataset<Row> keys, boolean few, int partitions) {
        Dataset<Row> scan = table.select(KEY);
        int read = SparkRows.internal(scan).getNumPartitions();
        if (read != partitions) {
            throw new IllegalStateException("expected keys in " + partitions + " partitions, got " + read);
        }
        Dataset<Row> others = keys.select(col(KEY).as(CHOSEN)).hint(few ? "broadcast" : "merge");
        Dataset<Row> places = scan.withColumn(PLACE, functions.monotonically_increasing_id())
                .join(others, col(KEY).eqNullSafe(col(CHOSEN)), "left_semi")
                .select(PLACE);
        return SparkRows.internal(places)
                .mapPartitions(ChosenRows::byPartition)
                .groupBy(own -> (int) own[0], partitions)
                .values()
                .map(ChosenRows::sorted);
    }

    /** One array for each partition that occurs in {@code places}: the partition's index, then row numbers. */
    private static Iterator<long[]> byPartition(Iterator<InternalRow> places) {
        Map<Integer, LongStream.Builder> numbers = new HashMap<>();
        while (places.hasNext()) {
            long place = places.next().getLong(0);
            int partition = Places.split(place);
            numbers.computeIfAbsent(partition, own -> LongStream.builder().add(own))
                    .add(Places.number(place));
        }
        return numbers.values().stream().map(own -> own.build().toArray()).iterator();
    }

    /** Merges the arrays of a partition: all row numbers in ascending order, without the partition's index. */
    private static long[] sorted(Iterable<long[]> parts) {
        return StreamSupport.stream(parts.spliterator(), false)
                .flatMapToLong(part -> Arrays.stream(part, 1, part.length))
                .sorted()
                .toArray();
    }

    /** The rows of a partition whose numbers were chosen. */
    private static final class Chosen<T> implements Iterator<T> {
        private final Iterator<T> rows;
        private final Iterator<long[]> lists;
        /** Null until the first row is asked for. */
        private long[] numbers;

        private int next;
        private long read;

        Chosen(Iterator<T> rows, Iterator<long[]> lists) {
            this.rows = rows;
            this.lists = lists;
        }

        @Override
        public boolean hasNext() {
            if (numbers == null) {
                numbers = lists.hasNext() ? lists.next() : new long[0];
            }
            return next < numbers.length;
        }

        @Override
        public T next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            while (read < numbers[next]) {
                read();
            }
            next++;
            return read();
        }

        private T read() {
            if (!rows.hasNext()) { // Spark's iterators need hasNext() before next()
                throw new IllegalStateException("expected row " + numbers[numbers.length - 1]
                        + " of a partition, as a scan of the keys has it, got " + read + " rows");
            }
            read++;
            return rows.next();
        }
    }
}
