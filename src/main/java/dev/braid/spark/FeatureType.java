package dev.braid.spark;

import java.util.Optional;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;

/** The column types that can hold a sequence of features. */
enum FeatureType {
    /** An array per token. */
    NESTED_FLOAT,
    NESTED_DOUBLE,
    /** All tokens in one array. */
    FLAT_FLOAT,
    FLAT_DOUBLE,
    /** All tokens as little-endian numbers. */
    BINARY;

    /** What an error message says of the types above. */
    static final String EXPECTED = "array<array<float>>, array<float>, the same of double, or binary";

    /** Empty if {@code type} is none of them. */
    static Optional<FeatureType> of(DataType type) {
        if (type instanceof BinaryType) {
            return Optional.of(BINARY);
        }
        if (!(type instanceof ArrayType array)) {
            return Optional.empty();
        }
        boolean nested = array.elementType() instanceof ArrayType;
        DataType number = array.elementType() instanceof ArrayType inner ? inner.elementType() : array.elementType();
        if (number instanceof FloatType) {
            return Optional.of(nested ? NESTED_FLOAT : FLAT_FLOAT);
        }
        if (number instanceof DoubleType) {
            return Optional.of(nested ? NESTED_DOUBLE : FLAT_DOUBLE);
        }
        return Optional.empty();
    }

    boolean isNested() {
        return this == NESTED_FLOAT || this == NESTED_DOUBLE;
    }

    boolean isDouble() {
        return this == NESTED_DOUBLE || this == FLAT_DOUBLE;
    }
}
