package dev.braid.rows;

import dev.braid.Shown;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.RowOrdering;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.hash.Murmur3_x86_32;

/**
 * Reads rows in the forms in which Spark holds them: column batches of its file readers ({@link ScannedRows}), and rows in its
 * own memory layout ({@link PlannedRows}).
 */
public final class SparkRows {
    /** The seed of Spark's hash partitioning. */
    private static final int HASH_SEED = 42;

    private SparkRows() {}

    /** The rows of a table as Spark's own plan gives them. */
    public static JavaRDD<StoredRow> planned(Dataset<Row> table, int carried) {
        DataType[] types = types(table.schema());
        return internal(table).mapPartitions(rows -> new PlannedRows(rows, types, carried));
    }

    /** The rows of a table in Spark's internal form. */
    public static JavaRDD<InternalRow> internal(Dataset<Row> table) {
        return table.queryExecution().toRdd().toJavaRDD();
    }

    /**
     * The rows of a table as views of the column batches that Spark's file reader fills. Spark's plan would copy each row,
     * number by number. Empty if Spark would not read the table in column batches.
     *
     * @param table a plain scan: stored columns, in their stored order
     * @param columns the columns of the rows, in their order; a name may occur more than once
     */
    public static Optional<JavaRDD<StoredRow>> scanned(Dataset<Row> table, List<String> columns, int carried) {
        SparkPlan plan = table.queryExecution().sparkPlan();
        if (!plan.supportsColumnar()) {
            return Optional.empty();
        }
        StructType stored = plan.schema();
        int[] places = columns.stream().mapToInt(stored::fieldIndex).toArray();
        DataType[] types = Arrays.stream(places)
                .mapToObj(place -> stored.fields()[place].dataType())
                .toArray(DataType[]::new);
        return Optional.of(plan.executeColumnar()
                .toJavaRDD()
                .mapPartitions(batches -> new ScannedRows(batches, places, types, carried)));
    }

    private static DataType[] types(StructType schema) {
        return Arrays.stream(schema.fields()).map(StructField::dataType).toArray(DataType[]::new);
    }

    /** Whether Spark can sort and group by a type. */
    public static boolean isOrderable(DataType type) {
        return RowOrdering.isOrderable(type);
    }

    /** A value, not null, as messages show it. */
    public static String print(InternalRow row, int ordinal, DataType type) {
        Object value = CatalystTypeConverters.convertToScala(row.get(ordinal, type), type);
        return Shown.value(
                value instanceof byte[] bytes ? HexFormat.of().withUpperCase().formatHex(bytes) : value.toString());
    }

    /** The bytes of a text that is not null. */
    public static byte[] text(InternalRow row, int ordinal) {
        return row.getUTF8String(ordinal).getBytes();
    }

    /** For each partition, a number that Spark's hash partitioning sends there. */
    public static int[] routes(int partitions) {
        int[] routes = new int[partitions];
        boolean[] found = new boolean[partitions];
        int left = partitions;
        for (int number = 0; left > 0; number++) {
            int partition = Math.floorMod(Murmur3_x86_32.hashInt(number, HASH_SEED), partitions);
            if (!found[partition]) {
                found[partition] = true;
                routes[partition] = number;
                left--;
            }
        }
        return routes;
    }

    /** The rows in Spark's memory layout, each valid until the next one. */
    public static Iterator<InternalRow> values(Iterator<StoredRow> rows, StructType schema) {
        UnsafeProjection toUnsafe = UnsafeProjection.create(types(schema));
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public InternalRow next() {
                return toUnsafe.apply(rows.next().values());
            }
        };
    }
}
