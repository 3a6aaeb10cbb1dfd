package dev.braid.job;

import dev.braid.batch.ElementType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** How a feature column stores a sequence, in the forms that {@link dev.braid.spark.RawTable} takes. */
enum FeatureLayout {
    NESTED_FLOAT,
    NESTED_DOUBLE,
    FLAT_FLOAT,
    FLAT_DOUBLE,
    /** A vector of Spark ML, or one per token. */
    VECTOR,
    VECTORS,
    BINARY;

    private static final byte SPARSE = 0;
    private static final byte DENSE = 1;

    boolean isNested() {
        return this == NESTED_FLOAT || this == NESTED_DOUBLE || this == VECTORS;
    }

    private boolean isFloat() {
        return this == NESTED_FLOAT || this == FLAT_FLOAT;
    }

    /** Whether it can hold every float. */
    boolean isWide(ElementType dtype) {
        return this != BINARY || dtype == ElementType.FLOAT32 || dtype == ElementType.FLOAT64;
    }

    DataType type() {
        DataType vector = new StructType()
                .add("type", DataTypes.ByteType)
                .add("size", DataTypes.IntegerType)
                .add("indices", new ArrayType(DataTypes.IntegerType, false))
                .add("values", new ArrayType(DataTypes.DoubleType, false));
        DataType number = isFloat() ? DataTypes.FloatType : DataTypes.DoubleType;
        return switch (this) {
            case BINARY -> DataTypes.BinaryType;
            case VECTOR -> vector;
            case VECTORS -> DataTypes.createArrayType(vector);
            case FLAT_FLOAT, FLAT_DOUBLE -> DataTypes.createArrayType(number);
            case NESTED_FLOAT, NESTED_DOUBLE -> DataTypes.createArrayType(DataTypes.createArrayType(number));
        };
    }

    /** A number as an element of a list. */
    Object number(double value) {
        if (isFloat()) {
            return (float) value;
        }
        return value;
    }

    /** A token that is an element of a nested value, of any width. */
    Object token(double... numbers) {
        Object[] list = Arrays.stream(numbers).mapToObj(this::number).toArray();
        return this == VECTORS ? dense(list) : list;
    }

    private static List<Object> dense(Object[] values) {
        return struct(DENSE, null, null, values);
    }

    /** A vector of zeros. */
    static List<Object> sparse(int size) {
        return struct(SPARSE, size, new Object[0], new Object[0]);
    }

    private static List<Object> struct(Object... fields) {
        return new ArrayList<>(Arrays.asList(fields));
    }

    /** A sequence as it is stored; tokens may differ in width only where it is nested. */
    Object store(double[][] tokens, ElementType dtype) {
        if (isNested()) {
            return Arrays.stream(tokens).map(this::token).toArray();
        }
        double[] flat = Arrays.stream(tokens).flatMapToDouble(Arrays::stream).toArray();
        if (this == BINARY) {
            return bytes(flat, dtype);
        }
        Object[] list = Arrays.stream(flat).mapToObj(this::number).toArray();
        return this == VECTOR ? dense(list) : list;
    }

    private static byte[] bytes(double[] numbers, ElementType dtype) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers.length * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (double number : numbers) {
            switch (dtype) {
                case FLOAT32 -> bytes.putFloat((float) number);
                case FLOAT64 -> bytes.putDouble(number);
                case FLOAT16 -> bytes.putShort(half((float) number));
                case BFLOAT16 -> bytes.putShort((short) (Float.floatToIntBits((float) number) >>> 16));
            }
        }
        return bytes.array();
    }

    /** Exact for NaN, infinity and numbers that binary16 holds as normal ones. */
    private static short half(float number) {
        int bits = Float.floatToIntBits(number);
        int sign = bits >>> 16 & 0x8000;
        if (!Float.isFinite(number)) {
            return (short) (sign | 0x7c00 | (Float.isNaN(number) ? 0x200 : 0));
        }
        return (short) (number == 0 ? sign : sign | (bits >>> 13 & 0x3ffff) - (112 << 10));
    }
}
