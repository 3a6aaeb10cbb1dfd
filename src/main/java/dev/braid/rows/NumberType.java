package dev.braid.rows;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/** The types of single numbers in a mask or length column. */
public enum NumberType {
    BOOLEAN,
    BYTE,
    SHORT,
    INT,
    LONG,
    FLOAT,
    DOUBLE;

    private static final Map<DataType, NumberType> BY_TYPE = Map.of(
            DataTypes.BooleanType, BOOLEAN,
            DataTypes.ByteType, BYTE,
            DataTypes.ShortType, SHORT,
            DataTypes.IntegerType, INT,
            DataTypes.LongType, LONG,
            DataTypes.FloatType, FLOAT,
            DataTypes.DoubleType, DOUBLE);

    /** The number type of {@code type}; empty if it is none of them. */
    public static Optional<NumberType> of(DataType type) {
        return Optional.ofNullable(BY_TYPE.get(type));
    }

    public boolean isInteger() {
        return this == BYTE || this == SHORT || this == INT || this == LONG;
    }

    /** Reads a number of a row or an array without boxing; true is 1. */
    public double read(SpecializedGetters from, int index) {
        return switch (this) {
            case BOOLEAN -> from.getBoolean(index) ? 1 : 0;
            case BYTE -> from.getByte(index);
            case SHORT -> from.getShort(index);
            case INT -> from.getInt(index);
            case LONG -> from.getLong(index);
            case FLOAT -> from.getFloat(index);
            case DOUBLE -> from.getDouble(index);
        };
    }

    /** Prints a number of a row or an array, for messages. */
    public String print(SpecializedGetters from, int index) {
        return switch (this) {
            case LONG -> Long.toString(from.getLong(index));
            case FLOAT -> Float.toString(from.getFloat(index));
            case DOUBLE -> Double.toString(from.getDouble(index));
            default -> Integer.toString((int) read(from, index));
        };
    }
}
