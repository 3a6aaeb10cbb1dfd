package dev.braid.spark;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/**
 * The rows of one table as views of the column batches that Spark's Parquet reader fills. The plan that a {@code Dataset}
 * would run instead copies each row, features and all, number by number. Keys and kept columns are copied, by Spark's
 * projection, which knows every type.
 */
final class ColumnScan {
    private ColumnScan() {}

    /** The rows of a {@link PairedTable} of one table; empty where Spark would not read it in column batches. */
    static Optional<JavaRDD<InternalRow>> of(SourceTable table, TableColumns columns) {
        List<StructField> fields =
                columns.paired().values().stream().map(table::field).toList();
        // In the table's own order nothing but the scan is left of the plan.
        Column[] stored = Arrays.stream(table.data().schema().fields())
                .filter(fields::contains)
                .map(table::column)
                .toArray(Column[]::new);
        SparkPlan plan = table.data().select(stored).queryExecution().sparkPlan();
        if (!plan.supportsColumnar()) {
            return Optional.empty();
        }
        StructType scanned = plan.schema();
        int[] places = fields.stream()
                .mapToInt(field -> scanned.fieldIndex(field.name()))
                .toArray();
        DataType[] copied = fields.stream()
                .limit(columns.carried().size())
                .map(StructField::dataType)
                .toArray(DataType[]::new);
        return Optional.of(
                plan.executeColumnar().toJavaRDD().mapPartitions(batches -> new Rows(batches, places, copied)));
    }

    /** A row of a column batch. */
    private static final class ViewedRow extends JoinedRow {
        private final boolean[] holdsNull;

        ViewedRow(int columns) {
            this.holdsNull = new boolean[columns];
        }
    }

    /**
     * Whether an array of a row may hold null. Of a column batch Spark keeps account of that; of another row each array
     * tells, when it is looked at.
     */
    static boolean mayHoldNull(InternalRow row, int ordinal) {
        return !(row instanceof ViewedRow viewed) || viewed.holdsNull[ordinal];
    }

    /** One row at a time, valid until the next one is asked for. */
    private static final class Rows implements Iterator<InternalRow> {
        private final Iterator<ColumnarBatch> batches;
        private final int[] places;
        private final int carried;
        private final UnsafeProjection projection;
        private final ViewedRow row;
        private ColumnarBatch copied;
        private ColumnarBatch viewed;
        private int next;
        private int rows;

        Rows(Iterator<ColumnarBatch> batches, int[] places, DataType[] copied) {
            this.batches = batches;
            this.places = places;
            this.carried = copied.length;
            this.projection = UnsafeProjection.create(copied);
            this.row = new ViewedRow(places.length);
        }

        @Override
        public boolean hasNext() {
            while (next == rows && batches.hasNext()) {
                ColumnarBatch batch = batches.next();
                rows = batch.numRows();
                next = 0;
                copied = columns(batch, 0, carried);
                viewed = columns(batch, carried, places.length);
                for (int i = carried; i < places.length; i++) {
                    row.holdsNull[i] = holdsNull(batch.column(places[i]));
                }
            }
            return next < rows;
        }

        private ColumnarBatch columns(ColumnarBatch batch, int from, int to) {
            ColumnVector[] columns = new ColumnVector[to - from];
            Arrays.setAll(columns, i -> batch.column(places[from + i]));
            return new ColumnarBatch(columns, batch.numRows());
        }

        /** Whether an array of the column holds null. */
        private static boolean holdsNull(ColumnVector column) {
            if (!(column.dataType() instanceof ArrayType)) {
                return false;
            }
            ColumnVector elements = column.getChild(0);
            return elements.hasNull() || holdsNull(elements);
        }

        @Override
        public InternalRow next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            row.apply(projection.apply(copied.getRow(next)), viewed.getRow(next));
            next++;
            return row;
        }
    }
}
