package dev.braid.spark;

import dev.braid.rows.SparkRows;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;

/**
 * How many pairs refer to the rows of a feature table.
 *
 * @param rows of the feature table
 * @param unreferenced rows that no pair refers to
 * @param splits the splits with a row that pairs refer to, in order
 */
record ReferenceCounts(long rows, long unreferenced, List<SplitPairs> splits) {
    /** The indices of a split's counts in an array: its number, its rows, the rows that pairs refer to, and these pairs. */
    private static final int SPLIT = 0;

    private static final int ROWS = 1;
    private static final int REFERENCED = 2;
    private static final int PAIRS = 3;

    /**
     * A split of a feature table.
     *
     * @param split its number
     * @param pairs the pairs that refer to one of its rows
     */
    record SplitPairs(int split, long pairs) {}

    /** @param referenced see {@link ReferencedTables#referenced} */
    static ReferenceCounts of(Dataset<Row> referenced) {
        StructType schema = referenced.schema();
        int place = schema.fieldIndex(ReferencedTables.PLACE);
        int pairs = schema.fieldIndex(ReferencedTables.PAIRS);
        List<long[]> splits = SparkRows.internal(referenced)
                .mapPartitions(rows -> bySplit(rows, place, pairs))
                .groupBy(split -> split[SPLIT])
                .values()
                .map(parts -> StreamSupport.stream(parts.spliterator(), false)
                        .reduce(ReferenceCounts::sum)
                        .orElseThrow())
                .collect();
        long rows = splits.stream().mapToLong(split -> split[ROWS]).sum();
        return new ReferenceCounts(
                rows,
                rows - splits.stream().mapToLong(split -> split[REFERENCED]).sum(),
                splits.stream()
                        .filter(split -> split[PAIRS] > 0)
                        .map(split -> new SplitPairs((int) split[SPLIT], split[PAIRS]))
                        .sorted(Comparator.comparingInt(SplitPairs::split))
                        .toList());
    }

    private static Iterator<long[]> bySplit(Iterator<InternalRow> rows, int place, int pairs) {
        Map<Integer, long[]> counts = new HashMap<>();
        while (rows.hasNext()) {
            InternalRow row = rows.next();
            int split = Places.split(row.getLong(place));
            long[] own = counts.computeIfAbsent(split, number -> new long[] {number, 0, 0, 0});
            own[ROWS]++;
            if (!row.isNullAt(pairs)) {
                own[REFERENCED]++;
                own[PAIRS] += row.getLong(pairs);
            }
        }
        return counts.values().iterator();
    }

    private static long[] sum(long[] one, long[] other) {
        return new long[] {
            one[SPLIT], one[ROWS] + other[ROWS], one[REFERENCED] + other[REFERENCED], one[PAIRS] + other[PAIRS]
        };
    }

    /** All pairs that refer to a row. */
    long pairs() {
        return splits.stream().mapToLong(SplitPairs::pairs).sum();
    }

    /** The most pairs that refer to the rows of one split. */
    long mostPairs() {
        return splits.stream().mapToLong(SplitPairs::pairs).max().orElse(0);
    }
}
