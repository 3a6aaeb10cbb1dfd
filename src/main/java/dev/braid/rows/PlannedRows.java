package dev.braid.rows;

import java.util.Arrays;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.unsafe.types.UTF8String;

/** Rows of a Spark plan, in Spark's memory layout ({@code UnsafeRow}). It returns one object, which moves from row to row. */
final class PlannedRows implements Iterator<StoredRow> {
    private final Iterator<InternalRow> rows;
    /** Converts rows of another form. This is rare, because Spark's plans end with unsafe rows. */
    private final UnsafeProjection toUnsafe;

    private final PlannedRow row;

    PlannedRows(Iterator<InternalRow> rows, DataType[] types, int carried) {
        this.rows = rows;
        this.toUnsafe = UnsafeProjection.create(types);
        this.row = new PlannedRow(UnsafeProjection.create(Arrays.copyOf(types, carried)), types.length);
    }

    @Override
    public boolean hasNext() {
        return rows.hasNext();
    }

    @Override
    public StoredRow next() {
        InternalRow next = rows.next();
        row.values = next instanceof UnsafeRow unsafe ? unsafe : toUnsafe.apply(next);
        return row;
    }

    private static final class PlannedRow extends SparkRow {
        private UnsafeRow values;
        /** By ordinal; null if nothing is remembered. */
        private final RememberedValue[] remembered;

        PlannedRow(UnsafeProjection carried, int columns) {
            super(carried);
            this.remembered = new RememberedValue[columns];
        }

        /** Spark reuses the row's memory, so values are copied: whole only if they begin like the remembered value. */
        @Override
        public void remember(int ordinal) {
            if (values.isNullAt(ordinal)) {
                remembered[ordinal] = null;
            } else if (remembered[ordinal] == null) {
                remembered[ordinal] = new RememberedValue(view(ordinal));
            } else {
                remembered[ordinal].become(view(ordinal));
            }
        }

        @Override
        public boolean repeats(int ordinal, FeatureType type) {
            return remembered[ordinal] != null && remembered[ordinal].isSame(view(ordinal));
        }

        @Override
        public InternalRow values() {
            return values;
        }

        @Override
        public StoredNumbers numbers(int ordinal, FeatureType type) {
            return new PlannedNumbers(values, ordinal, type);
        }

        @Override
        UTF8String view(int ordinal) {
            return values.getUTF8String(ordinal);
        }
    }
}
