package dev.braid.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ElementTypeTest {

    /** The definition of IEEE 754 binary16, term by term. */
    private static float half(int bits) {
        int exponent = bits >> 10 & 0x1f;
        int fraction = bits & 0x3ff;
        double magnitude = exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * Math.pow(2, exponent - 25);
        return (float) ((bits & 0x8000) == 0 ? magnitude : -magnitude);
    }

    @Test
    void everyFiniteHalfConvertsExactlyAndEveryOtherIsRefused() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            FloatBuffer out = FloatBuffer.allocate(1);
            boolean finite = ElementType.FLOAT16.copy(littleEndian(2, bits), 0, 1, out);
            assertThat(finite).as("half %04x", bits).isEqualTo((bits & 0x7c00) != 0x7c00);
            if (finite) {
                assertThat(Float.floatToRawIntBits(out.get(0)))
                        .as("half %04x", bits)
                        .isEqualTo(Float.floatToRawIntBits(half(bits)));
            }
        }
    }

    @Test
    void everyFiniteBrainFloatConvertsExactlyAndEveryOtherIsRefused() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            FloatBuffer out = FloatBuffer.allocate(1);
            boolean finite = ElementType.BFLOAT16.copy(littleEndian(2, bits), 0, 1, out);
            float expected = Float.intBitsToFloat(bits << 16);
            assertThat(finite).as("bfloat %04x", bits).isEqualTo(Float.isFinite(expected));
            if (finite) {
                assertThat(Float.floatToRawIntBits(out.get(0))).isEqualTo(Float.floatToRawIntBits(expected));
            }
        }
    }

    @Test
    void float32IsReadLittleEndianAndNotANumberIsRefused() {
        FloatBuffer out = FloatBuffer.allocate(3);
        assertThat(ElementType.FLOAT32.copy(new byte[] {0, 0, -128, 63, 0, 0, 0, -64}, 0, 2, out))
                .isTrue();
        assertThat(out.position()).isEqualTo(2);
        assertThat(out.get(0)).isEqualTo(1f);
        assertThat(out.get(1)).isEqualTo(-2f);
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            assertThat(ElementType.FLOAT32.copy(
                            littleEndian(4, Float.floatToRawIntBits(bad)), 0, 1, FloatBuffer.allocate(1)))
                    .isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    void valuesGoBehindTheBuffersPosition(ElementType type) {
        FloatBuffer out = FloatBuffer.allocate(8);
        out.put(5f).put(6f);
        BinarySequence sequence = new BinarySequence(new byte[3 * type.bytes()], type, 3);
        assertThat(sequence.copyTo(out, 0, 3)).isTrue();
        assertThat(out.position()).isEqualTo(5);
        assertThat(out.array()).containsExactly(5, 6, 0, 0, 0, 0, 0, 0);
    }

    @ParameterizedTest
    @EnumSource
    void namesAreThoseUsersWrite(ElementType type) {
        assertThat(ElementType.parse(type.configName())).contains(type);
        assertThat(ElementType.parse("FLOAT8")).isEmpty();
    }

    private static byte[] littleEndian(int bytes, int bits) {
        ByteBuffer buffer =
                ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bits);
        return java.util.Arrays.copyOf(buffer.array(), bytes);
    }
}
