package dev.braid.batch;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Optional;

/** How the numbers of a binary feature column are stored: little-endian, without a header. */
public enum ElementType {
    /** IEEE 754 binary32. */
    FLOAT32(4) {
        @Override
        public void read(byte[] bytes, int count, float[] piece) {
            ByteBuffer.wrap(bytes, 0, count * Float.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer()
                    .get(piece, 0, count);
        }
    },

    /** IEEE 754 binary64, rounded to the nearest float; numbers beyond the range of float32 become infinite. */
    FLOAT64(8) {
        @Override
        public void read(byte[] bytes, int count, float[] piece) {
            for (int i = 0; i < count; i++) {
                piece[i] = (float) (double) DOUBLES.get(bytes, Double.BYTES * i);
            }
        }
    },

    /** IEEE 754 binary16. */
    FLOAT16(2) {
        @Override
        public void read(byte[] bytes, int count, float[] piece) {
            float[] numbers = Halves.NUMBERS;
            for (int i = 0; i < count; i++) {
                piece[i] = numbers[(short) SHORTS.get(bytes, 2 * i) & 0xffff];
            }
        }
    },

    /** The upper half of an IEEE 754 binary32. */
    BFLOAT16(2) {
        @Override
        public void read(byte[] bytes, int count, float[] piece) {
            for (int i = 0; i < count; i++) {
                piece[i] = Float.intBitsToFloat((short) SHORTS.get(bytes, 2 * i) << 16);
            }
        }
    };

    private static final VarHandle SHORTS =
            MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private static final VarHandle DOUBLES =
            MethodHandles.byteArrayViewVarHandle(double[].class, ByteOrder.LITTLE_ENDIAN);

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one number. */
    public int bytes() {
        return bytes;
    }

    /** The name users write: {@code float32}, {@code float64}, {@code float16}, {@code bfloat16}. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<ElementType> parse(String configName) {
        for (ElementType type : values()) {
            if (type.configName().equals(configName)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }

    /** Converts the first {@code count} numbers of {@code bytes} to the first floats of {@code piece}. */
    public abstract void read(byte[] bytes, int count, float[] piece);

    /** The float of each binary16. Looking it up is twice as fast as computing it, which the JVM does not vectorise. */
    private static final class Halves {
        private static final float[] NUMBERS = new float[1 << Short.SIZE];

        static {
            for (int half = 0; half < NUMBERS.length; half++) {
                NUMBERS[half] = number((short) half);
            }
        }

        private static float number(int half) {
            int bits = (half << 13) & 0x8fffffff;
            // After the shift by 13 bits, the exponent is 112 too small. Multiplying by 2^112 corrects that and
            // normalises subnormals, exactly.
            return (half & 0x7c00) == 0x7c00
                    ? Float.intBitsToFloat(bits | 0x7f800000)
                    : Float.intBitsToFloat(bits) * 0x1p112f;
        }
    }
}
