package dev.braid.batch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Locale;
import java.util.Optional;

/** How the numbers of a binary feature column are stored: little-endian, without a header. */
public enum ElementType {
    /** IEEE 754 binary32. */
    FLOAT32(4) {
        @Override
        boolean copy(byte[] bytes, int first, int count, FloatBuffer out) {
            int start = out.position();
            out.put(ByteBuffer.wrap(bytes, first * Float.BYTES, count * Float.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer());
            return Finite.between(out, start, out.position());
        }
    },

    /** IEEE 754 binary16. */
    FLOAT16(2) {
        @Override
        boolean copy(byte[] bytes, int first, int count, FloatBuffer out) {
            int start = out.position();
            int largest = 0;
            for (int i = 0; i < count; i++) {
                int half = (bytes[2 * (first + i)] & 0xff) | (bytes[2 * (first + i) + 1] << 8);
                int magnitude = half & 0x7fff;
                largest = Math.max(largest, magnitude);
                // Moved up by 13 bits, the exponent lacks 112 of its bias; the product mends that and normalises
                // subnormals, exactly. NaN and infinity come out finite here and are told by `largest`.
                float scaled = Float.intBitsToFloat(magnitude << 13) * 0x1p112f;
                out.put(start + i, (half & 0x8000) == 0 ? scaled : -scaled);
            }
            out.position(start + count);
            return largest < 0x7c00;
        }
    },

    /** The upper half of an IEEE 754 binary32. */
    BFLOAT16(2) {
        @Override
        boolean copy(byte[] bytes, int first, int count, FloatBuffer out) {
            int start = out.position();
            int largest = 0;
            for (int i = 0; i < count; i++) {
                int upper = (bytes[2 * (first + i)] & 0xff) | (bytes[2 * (first + i) + 1] << 8);
                largest = Math.max(largest, upper & 0x7fff);
                out.put(start + i, Float.intBitsToFloat(upper << 16));
            }
            out.position(start + count);
            return largest < 0x7f80;
        }
    };

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one number. */
    public int bytes() {
        return bytes;
    }

    /** The name users write: {@code float32}, {@code float16}, {@code bfloat16}. */
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

    /** Converts {@code count} numbers from number {@code first} on exactly; false if a value is NaN or infinite. */
    abstract boolean copy(byte[] bytes, int first, int count, FloatBuffer out);
}
