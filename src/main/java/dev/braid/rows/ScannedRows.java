package dev.braid.rows;

import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;

/** Rows of the column batches that Spark's file readers fill. It returns one object, which moves from row to row. */
final class ScannedRows implements Iterator<StoredRow> {
    private final Iterator<ColumnarBatch> batches;
    private final int[] places;
    private final DataType[] types;
    private final int carried;
    private final UnsafeProjection carriedProjection;
    private ScannedRow scanned;
    /** The rows of a batch whose column vectors are not Spark's own; otherwise null. */
    private Iterator<StoredRow> planned;

    private int next;
    private int rows;

    ScannedRows(Iterator<ColumnarBatch> batches, int[] places, DataType[] types, int carried) {
        this.batches = batches;
        this.places = places;
        this.types = types;
        this.carried = carried;
        this.carriedProjection = UnsafeProjection.create(Arrays.copyOf(types, carried));
    }

    @Override
    public boolean hasNext() {
        while (next == rows && batches.hasNext()) {
            open(batches.next());
        }
        return next < rows;
    }

    private void open(ColumnarBatch batch) {
        ColumnVector[] columns = new ColumnVector[places.length];
        Arrays.setAll(columns, i -> batch.column(places[i]));
        ColumnarBatch inOrder = new ColumnarBatch(columns, batch.numRows());
        rows = batch.numRows();
        next = 0;
        boolean readable =
                Arrays.stream(columns, carried, columns.length).allMatch(WritableColumnVector.class::isInstance);
        planned = readable ? null : new PlannedRows(inOrder.rowIterator(), types, carried);
        scanned = readable ? new ScannedRow(inOrder, columns, carriedProjection) : null;
    }

    @Override
    public StoredRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        int row = next++;
        return planned == null ? scanned.at(row) : planned.next();
    }

    private static final class ScannedRow extends SparkRow {
        private static final int NONE = -1;

        private final ColumnarBatch batch;
        private final ColumnVector[] columns;
        private int row;
        private int remembered = NONE;
        private InternalRow values;

        ScannedRow(ColumnarBatch batch, ColumnVector[] columns, UnsafeProjection carried) {
            super(carried);
            this.batch = batch;
            this.columns = columns;
        }

        ScannedRow at(int index) {
            row = index;
            values = batch.getRow(index);
            return this;
        }

        @Override
        public InternalRow values() {
            return values;
        }

        @Override
        public StoredNumbers numbers(int ordinal, FeatureType type) {
            return numbers(ordinal, row, type);
        }

        private StoredNumbers numbers(int ordinal, int ofRow, FeatureType type) {
            return new ScannedNumbers((WritableColumnVector) columns[ordinal], ofRow, type);
        }

        @Override
        public void remember(int ordinal) {
            remembered = row;
        }

        @Override
        public boolean repeats(int ordinal, FeatureType type) {
            if (remembered == NONE || columns[ordinal].isNullAt(remembered)) {
                return false;
            }
            return type == FeatureType.BINARY
                    ? view(ordinal).equals(columns[ordinal].getUTF8String(remembered))
                    : numbers(ordinal, row, type).same(numbers(ordinal, remembered, type));
        }

        @Override
        UTF8String view(int ordinal) {
            return columns[ordinal].getUTF8String(row);
        }
    }
}
