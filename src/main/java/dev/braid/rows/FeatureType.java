package dev.braid.rows;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;

/** The column types that can hold a sequence of features, boxes or token ids. */
public enum FeatureType {
    /** An array per token. */
    NESTED_FLOAT,
    NESTED_DOUBLE,
    /** A vector of Spark ML per token. */
    NESTED_VECTOR,
    /** All tokens in one array. */
    FLAT_FLOAT,
    FLAT_DOUBLE,
    /** All tokens in one vector of Spark ML. */
    FLAT_VECTOR,
    /** Half floats. Spark reads each of them as a binary value of two little-endian bytes. */
    NESTED_HALF,
    FLAT_HALF,
    /** All tokens as little-endian numbers. */
    BINARY,
    /** One whole number per token: its id. */
    SHORT_IDS,
    INT_IDS,
    LONG_IDS;

    /** The types of a column of features, for error messages. */
    public static final String EXPECTED =
            "array<array<float>>, array<float>, the same of double or half floats, vector, array<vector>, or binary";

    /** The types of a column of boxes, for error messages. */
    public static final String EXPECTED_BOXES =
            "array<array<float>>, array<float>, the same of double, vector, array<vector>, or binary float32";

    /** The types of a column of token ids, for error messages. */
    public static final String EXPECTED_IDS = "array<int>, array<bigint> or array<smallint>";

    private static final Map<DataType, FeatureType> IDS =
            Map.of(DataTypes.ShortType, SHORT_IDS, DataTypes.IntegerType, INT_IDS, DataTypes.LongType, LONG_IDS);

    /** Fields of a vector of Spark ML as it is stored: whether it is dense (1), size, indices, and values. */
    static final int VECTOR_FIELDS = 4;

    /**
     * The type of a column; empty if none fits. Arrays of binary are taken for half floats; only the Parquet file says whether
     * they are.
     */
    public static Optional<FeatureType> of(DataType type) {
        if (type instanceof BinaryType) {
            return Optional.of(BINARY);
        }
        if (isVector(type)) {
            return Optional.of(FLAT_VECTOR);
        }
        if (!(type instanceof ArrayType array)) {
            return Optional.empty();
        }
        if (isVector(array.elementType())) {
            return Optional.of(NESTED_VECTOR);
        }
        boolean nested = array.elementType() instanceof ArrayType;
        DataType number = array.elementType() instanceof ArrayType inner ? inner.elementType() : array.elementType();
        if (number instanceof FloatType) {
            return Optional.of(nested ? NESTED_FLOAT : FLAT_FLOAT);
        }
        if (number instanceof DoubleType) {
            return Optional.of(nested ? NESTED_DOUBLE : FLAT_DOUBLE);
        }
        if (number instanceof BinaryType) {
            return Optional.of(nested ? NESTED_HALF : FLAT_HALF);
        }
        return nested ? Optional.empty() : Optional.ofNullable(IDS.get(number));
    }

    /** A vector of Spark ML, as its own type or, where Spark ML is not on the class path, as the struct that is stored. */
    private static boolean isVector(DataType type) {
        DataType stored = type instanceof UserDefinedType<?> defined ? defined.sqlType() : type;
        if (!(stored instanceof StructType struct) || struct.length() != VECTOR_FIELDS) {
            return false;
        }
        StructField[] fields = struct.fields();
        return is(fields[0], "type", fields[0].dataType() instanceof ByteType)
                && is(fields[1], "size", fields[1].dataType() instanceof IntegerType)
                && is(fields[2], "indices", holds(fields[2], IntegerType.class))
                && is(fields[3], "values", holds(fields[3], DoubleType.class));
    }

    private static boolean is(StructField field, String name, boolean typed) {
        return typed && field.name().equals(name);
    }

    private static boolean holds(StructField field, Class<? extends DataType> element) {
        return field.dataType() instanceof ArrayType array && element.isInstance(array.elementType());
    }

    public boolean isNested() {
        return this == NESTED_FLOAT || this == NESTED_DOUBLE || this == NESTED_VECTOR || this == NESTED_HALF;
    }

    boolean isVector() {
        return this == NESTED_VECTOR || this == FLAT_VECTOR;
    }

    /** Whether the column holds token ids. */
    public boolean isIds() {
        return this == SHORT_IDS || this == INT_IDS || this == LONG_IDS;
    }

    /** The integer type of the token ids. */
    NumberType integers() {
        return switch (this) {
            case SHORT_IDS -> NumberType.SHORT;
            case INT_IDS -> NumberType.INT;
            case LONG_IDS -> NumberType.LONG;
            default -> throw new IllegalStateException(this + " holds no ids");
        };
    }

    boolean isDouble() {
        return this == NESTED_DOUBLE || this == FLAT_DOUBLE || isVector();
    }

    public boolean isHalf() {
        return this == NESTED_HALF || this == FLAT_HALF;
    }
}
