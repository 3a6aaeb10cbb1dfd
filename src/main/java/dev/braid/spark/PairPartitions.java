package dev.braid.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.hash;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.raise_error;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.apache.spark.sql.functions.when;

import dev.braid.rows.SparkRows;
import dev.braid.tables.PairedColumns;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;

/**
 * How pairs are divided into the partitions in which they are joined with the rows that they refer to. There is one partition
 * per split of the feature table. If too many pairs refer to the rows of some split, the pairs of each split are divided into
 * pieces, with a partition for each piece. So no task has to take all pairs of a row or of its neighbours. Pairs of one row
 * stay together unless a piece ends among them.
 *
 * @param splits of the feature table, at least one
 * @param pieces the most pieces into which a split's pairs are divided
 * @param limit the pairs in a piece, approximately
 */
record PairPartitions(int splits, int pieces, long limit) {
    /** The most pieces of a split, unless there are more tasks per split: each piece's task reads the split again. */
    private static final int MOST_PIECES = 16;
    /** The most partitions of a shuffle. */
    private static final int MOST_PARTITIONS = 100_000;

    private static final long FEWEST_PAIRS = 100;
    /** Splits are shared by tasks if there are this many tasks for each: every task reads its split as a whole. */
    private static final int TASKS_PER_SPLIT = 2;
    /** A split is divided if it has more than this many times the mean number of pairs. */
    private static final int UNEVEN = 2;

    private static final String ROUTE = "route";

    /**
     * The partitions for a feature table.
     *
     * @param tasks the number of tasks among which pairs should be divided
     */
    static PairPartitions of(int splits, ReferenceCounts counts, int tasks) {
        long own = Math.max(1, counts.splits().size());
        // Otherwise only uneven splits are divided.
        long even = own * TASKS_PER_SPLIT <= tasks
                ? quotient(counts.pairs(), tasks)
                : UNEVEN * quotient(counts.pairs(), own);
        long most = Math.max(1, Math.min(Math.max(MOST_PIECES, quotient(tasks, own)), MOST_PARTITIONS / splits));
        long limit = Math.max(Math.max(FEWEST_PAIRS, even), quotient(counts.mostPairs(), most));
        return new PairPartitions(splits, (int) Math.max(1, quotient(counts.mostPairs(), limit)), limit);
    }

    /** The quotient, rounded up. */
    private static long quotient(long dividend, long divisor) {
        return (dividend + divisor - 1) / divisor;
    }

    int count() {
        return Math.multiplyExact(splits, pieces);
    }

    /**
     * Brings each pair to its partition, sorted by the place of the row that it refers to and then by key. Pairs that refer
     * to no row are spread over the partitions, and come first.
     *
     * @param pairs with {@link ReferencedTables#PLACE} and, if there are several pieces, {@link ReferencedTables#PAIRS} and
     *     {@link ReferencedTables#PAIRS_BEFORE}
     * @param columns of the result
     */
    Dataset<Row> shuffled(Dataset<Row> pairs, List<String> columns) {
        Column split = split(ReferencedTables.PLACE);
        Column piece = lit(0);
        if (pieces > 1) {
            Column ofPair = col(ReferencedTables.PAIRS_BEFORE)
                    .plus(pmod(hash(col(PairedColumns.KEY)), col(ReferencedTables.PAIRS)));
            piece = ofPair.divide(limit).cast(DataTypes.IntegerType);
        }
        Column partition = piece.multiply(splits).plus(split);
        return pairs.withColumn(ROUTE, coalesce(route().apply(partition), hash(col(PairedColumns.KEY))))
                .repartition(count(), col(ROUTE))
                .sortWithinPartitions(
                        col(ReferencedTables.PLACE).asc_nulls_first(),
                        col(PairedColumns.KEY).asc())
                .withColumn(ReferencedTables.PLACE, checked(split))
                .select(columns.stream().map(functions::col).toArray(Column[]::new));
    }

    /** The split in a column of places. */
    static Column split(String place) {
        return expr("cast(shiftrightunsigned(" + place + ", " + Places.NUMBER_BITS + ") as int)");
    }

    /** The place. A task fails if the shuffle has brought a pair to the wrong split. */
    private Column checked(Column split) {
        Column right = col(ReferencedTables.PLACE)
                .isNull()
                .or(split.equalTo(spark_partition_id().mod(splits)));
        return when(right, col(ReferencedTables.PLACE))
                .otherwise(raise_error(lit("a pair came to another split than that of its features"))
                        .cast(DataTypes.LongType));
    }

    /** A function from a partition to a number whose hash sends a row there; from anything else to null. */
    private UserDefinedFunction route() {
        int[] routes = SparkRows.routes(count());
        UDF1<Integer, Integer> route = partition ->
                partition == null || partition < 0 || partition >= routes.length ? null : routes[partition];
        return functions.udf(route, DataTypes.IntegerType);
    }
}
