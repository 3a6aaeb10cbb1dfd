package dev.braid.rows;

import dev.braid.batch.Bytes;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * What the rows of {@link ScannedRows} and {@link PlannedRows} share: a copy of the carried columns, and views of binary
 * values.
 */
abstract class SparkRow extends StoredRow {
    private final UnsafeProjection carried;

    SparkRow(UnsafeProjection carried) {
        this.carried = carried;
    }

    /** A view of a binary value; Spark stores binary and text alike. */
    abstract UTF8String view(int ordinal);

    @Override
    public InternalRow carried() {
        return carried.apply(values()).copy();
    }

    @Override
    public Bytes bytes(int ordinal) {
        UTF8String value = view(ordinal);
        Object base = value.getBaseObject();
        long offset = value.getBaseOffset();
        return (first, count, to) -> Platform.copyMemory(base, offset + first, to, Platform.BYTE_ARRAY_OFFSET, count);
    }

    @Override
    public int length(int ordinal) {
        return view(ordinal).numBytes();
    }
}
