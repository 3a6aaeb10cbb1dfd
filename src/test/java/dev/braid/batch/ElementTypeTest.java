package dev.braid.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
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
    void everyHalfConvertsExactlyAndTheBufferTellsWhetherItIsFinite() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float expected = (bits & 0x7c00) != 0x7c00
                    ? half(bits)
                    : (bits & 0x3ff) != 0
                            ? Float.NaN
                            : (bits & 0x8000) == 0 ? Float.POSITIVE_INFINITY : Float.NEGATIVE_INFINITY;
            assertConverts(ElementType.FLOAT16, littleEndian(2, bits), expected);
        }
    }

    @Test
    void everyBrainFloatConvertsExactlyAndTheBufferTellsWhetherItIsFinite() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            assertConverts(ElementType.BFLOAT16, littleEndian(2, bits), Float.intBitsToFloat(bits << 16));
        }
    }

    @Test
    void float32IsReadLittleEndian() {
        assertConverts(ElementType.FLOAT32, new byte[] {0, 0, -128, 63}, 1f);
        assertConverts(ElementType.FLOAT32, new byte[] {0, 0, 0, -64}, -2f);
        for (float number :
                new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.MAX_VALUE}) {
            assertConverts(ElementType.FLOAT32, littleEndian(4, Float.floatToRawIntBits(number)), number);
        }
    }

    /** In the middle of a long sequence, all else zeros. */
    private static void assertConverts(ElementType type, byte[] number, float expected) {
        int tokens = 1031;
        int at = 700;
        byte[] stored = new byte[tokens * type.bytes()];
        System.arraycopy(number, 0, stored, at * type.bytes(), type.bytes());
        FloatBuffer out = FloatBuffer.allocate(tokens);
        CheckedCopy copy = new CheckedCopy(out);
        new BinarySequence(Bytes.of(stored), type, tokens, 1).copyTo(copy, 0, tokens);
        assertThat(copy.isFinite()).as("%s", expected).isEqualTo(Float.isFinite(expected));
        assertThat(Float.floatToIntBits(out.get(at))).as("%s", expected).isEqualTo(Float.floatToIntBits(expected));
        out.put(at, 0);
        assertThat(Arrays.equals(out.array(), new float[tokens]))
                .as("zeros beside %s", expected)
                .isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void valuesGoBehindTheBuffersPosition(ElementType type) {
        FloatBuffer out = FloatBuffer.allocate(8);
        out.put(5f).put(6f);
        BinarySequence sequence = new BinarySequence(Bytes.of(new byte[3 * type.bytes()]), type, 3, 1);
        sequence.copyTo(new CheckedCopy(out), 0, 3);
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
