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

    /** IEEE 754 binary64, rounded to the nearest float; what lies beyond float32 becomes infinite. */
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
            int magnitudes = 0;
            for (int i = 0; i < count; i++) {
                int half = (short) SHORTS.get(bytes, 2 * i);
                // Only the highest exponent (NaN, infinity) carries into bit 15.
                magnitudes |= (half & 0x7fff) + 0x0400;
                // Moved up by 13 bits, the exponent lacks 112 of its bias; the product adds it and normalises
                // subnormals, exactly.
                piece[i] = Float.intBitsToFloat((half << 13) & 0x8fffffff) * 0x1p112f;
            }
            if ((magnitudes & 0x8000) != 0) {
                restoreNotFinite(bytes, count, piece);
            }
        }

        /** The product turns NaN and infinity into finite numbers. */
        private void restoreNotFinite(byte[] bytes, int count, float[] piece) {
            for (int i = 0; i < count; i++) {
                int half = (short) SHORTS.get(bytes, 2 * i);
                if ((half & 0x7c00) == 0x7c00) {
                    piece[i] = Float.intBitsToFloat(((half << 13) & 0x8fffffff) | 0x7f800000);
                }
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
}
