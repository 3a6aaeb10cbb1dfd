package dev.braid.rows;

import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** Makes rows in Spark's memory layout; each is valid until the next one. */
public final class ValueRows {
    private final UnsafeProjection toUnsafe;

    public ValueRows(StructType schema) {
        this.toUnsafe = UnsafeProjection.create(schema);
    }

    /** A row of values in Spark's form; strings may be Java's. */
    public InternalRow of(Object... values) {
        Object[] internal = Arrays.stream(values)
                .map(value -> value instanceof String text ? UTF8String.fromString(text) : value)
                .toArray();
        return toUnsafe.apply(new GenericInternalRow(internal));
    }
}
