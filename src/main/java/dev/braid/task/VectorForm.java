package dev.braid.task;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/** How the numbers of an output vector are stored. All forms but {@link #ARRAY} are one little-endian binary value per row. */
public enum VectorForm {
    /** An array of float32; Parquet stores two levels with each number. */
    ARRAY(Float.BYTES) {
        @Override
        void encode(float[] vector, byte[] to, int offset) {
            throw new IllegalStateException("an array is written as it is");
        }
    },

    /** IEEE 754 binary32. */
    FLOAT32(Float.BYTES) {
        @Override
        void encode(float[] vector, byte[] to, int offset) {
            ByteBuffer.wrap(to, offset, vector.length * Float.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer()
                    .put(vector);
        }
    },

    /** IEEE 754 binary16, rounded to the nearest, ties to even. */
    FLOAT16(Short.BYTES) {
        @Override
        void encode(float[] vector, byte[] to, int offset) {
            for (int i = 0; i < vector.length; i++) {
                int half = half(vector[i]);
                to[offset + 2 * i] = (byte) half;
                to[offset + 2 * i + 1] = (byte) (half >> 8);
            }
        }
    },

    /** Signed bytes: a number is its byte times {@link #scale}, to within half a scale. */
    INT8(Byte.BYTES) {
        @Override
        void encode(float[] vector, byte[] to, int offset) {
            float scale = scale(vector);
            for (int i = 0; i < vector.length; i++) {
                int rounded = scale == 0 ? 0 : Math.round(vector[i] / scale);
                to[offset + i] = (byte) Math.max(-LARGEST_BYTE, Math.min(LARGEST_BYTE, rounded));
            }
        }
    };

    /** The largest finite binary16. */
    private static final float LARGEST_HALF = 65504;
    /** Numbers of at least this magnitude round to infinity in binary16. */
    private static final float HALF_OVERFLOW = 65520;

    /** The bits of a number without its sign. */
    private static final int MAGNITUDE = Integer.MAX_VALUE;

    private static final int LARGEST_BYTE = 127;

    private final int bytes;

    VectorForm(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one number. */
    public int bytes() {
        return bytes;
    }

    /** The name that users write. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<VectorForm> parse(String configName) {
        return Arrays.stream(values())
                .filter(form -> form.configName().equals(configName))
                .findFirst();
    }

    /** The type of a column of vectors. */
    DataType type() {
        return this == ARRAY ? DataTypes.createArrayType(DataTypes.FloatType, false) : DataTypes.BinaryType;
    }

    /** The index of the first number that this form cannot hold as a finite number; -1 if there is none. */
    int firstUnfit(float[] vector) {
        int limit = Float.floatToRawIntBits(this == FLOAT16 ? HALF_OVERFLOW : Float.POSITIVE_INFINITY);
        int fits = -1;
        for (float number : vector) {
            fits &= (Float.floatToRawIntBits(number) & MAGNITUDE) - limit; // negative if the number is below the limit
        }
        if (fits < 0) {
            return -1;
        }
        for (int i = 0; i < vector.length; i++) {
            if (!Float.isFinite(vector[i]) || (this == FLOAT16 && Math.abs(vector[i]) >= HALF_OVERFLOW)) {
                return i;
            }
        }
        return -1;
    }

    /** The numbers that this form can hold, for messages. */
    String expected() {
        return this == FLOAT16 ? "finite numbers of at most " + (int) LARGEST_HALF + " (float16)" : "finite numbers";
    }

    /** Writes a vector, all of whose numbers fit, to {@code to} from byte {@code offset} on. */
    abstract void encode(float[] vector, byte[] to, int offset);

    /** The scale of {@link #INT8}: the largest magnitude over 127; 0 for a vector of zeros. */
    static float scale(float[] vector) {
        float largest = 0;
        for (float number : vector) {
            largest = Math.max(largest, Math.abs(number));
        }
        return largest / LARGEST_BYTE;
    }

    /** The binary16 nearest to a number below {@link #HALF_OVERFLOW}, ties to even. */
    public static int half(float number) {
        int bits = Float.floatToRawIntBits(number);
        int sign = bits >>> 16 & 0x8000;
        float magnitude = Math.abs(number);
        if (magnitude < 0x1p-14f) {
            // Subnormal: multiples of 2^-24. Adding 2^-1, whose last place is 2^-24, rounds to one of them.
            return sign | Float.floatToRawIntBits(magnitude + 0.5f) - Float.floatToRawIntBits(0.5f);
        }
        int rest = bits & 0x7fffffff;
        // Adds half of the last place that is kept, less one if this place is even: ties round to even.
        int rounded = rest + 0xfff + (rest >>> 13 & 1);
        return sign | (rounded >>> 13) - (112 << 10);
    }
}
