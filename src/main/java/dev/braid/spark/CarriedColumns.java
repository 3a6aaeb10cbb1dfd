package dev.braid.spark;

import java.io.Serializable;
import java.util.HexFormat;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * The key and the kept columns, the first of a paired row. Spark's own converters turn them into the values of a {@code
 * Row}, so that every type it knows comes through. Where the session's dates are {@code java.sql.Date}s, 5 to 14 October
 * 1582 shift, which that type does not have; {@link FeatureTables} reads in a session where they are not.
 */
final class CarriedColumns implements Serializable {
    private static final long serialVersionUID = 1L;

    private final DataType[] types;

    CarriedColumns(DataType[] types) {
        this.types = types.clone();
    }

    int count() {
        return types.length;
    }

    DataType keyType() {
        return types[0];
    }

    /** Copies them out of a row that may be reused, to the start of {@code values}. */
    void copy(InternalRow row, Object[] values) {
        for (int i = 0; i < types.length; i++) {
            values[i] = value(row, i);
        }
    }

    /** The key as error messages print it; it must not be null. */
    String key(InternalRow row) {
        Object key = value(row, 0);
        return key instanceof byte[] bytes ? HexFormat.of().withUpperCase().formatHex(bytes) : key.toString();
    }

    private Object value(InternalRow row, int ordinal) {
        return row.isNullAt(ordinal)
                ? null
                : CatalystTypeConverters.convertToScala(row.get(ordinal, types[ordinal]), types[ordinal]);
    }
}
