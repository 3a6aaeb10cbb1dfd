package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.tensor.Shape;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class StoredTensorTest {
    private static StoredTensor tensor(DType dtype, byte[] bytes, long... shape) {
        return new StoredTensor("x", dtype, Shape.of(shape), new byte[][] {bytes});
    }

    private static float[] floats(StoredTensor tensor) {
        FloatBuffer out = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(out);
        assertThat(out.hasRemaining()).isFalse();
        return out.array();
    }

    /** All 65536 bit patterns in order. */
    private static byte[] patterns() {
        ByteBuffer bytes = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 1 << 16; i++) {
            bytes.putShort((short) i);
        }
        return bytes.array();
    }

    @Test
    void everyHalfIsConvertedExactly() {
        float[] values = floats(tensor(DType.F16, patterns(), 1 << 16));
        for (int bits = 0; bits < 1 << 16; bits++) {
            int exponent = bits >> 10 & 31;
            int mantissa = bits & 1023;
            double magnitude = exponent == 31
                    ? mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN
                    : exponent == 0 ? mantissa * 0x1p-24 : (1024 + mantissa) * Math.pow(2, exponent - 25);
            double expected = bits >= 1 << 15 ? -magnitude : magnitude;
            assertThat((double) values[bits]).as("bits %x", bits).isEqualTo(Double.valueOf(expected));
        }
        assertThat(Float.floatToRawIntBits(values[0x8000])).as("-0").isEqualTo(Integer.MIN_VALUE);
    }

    @Test
    void everyBfloat16IsConvertedExactly() {
        float[] values = floats(tensor(DType.BF16, patterns(), 256, 256));
        for (int bits = 0; bits < 1 << 16; bits++) {
            int exponent = bits >> 7 & 255;
            int mantissa = bits & 127;
            double magnitude = exponent == 255
                    ? mantissa == 0 ? Double.POSITIVE_INFINITY : Double.NaN
                    : exponent == 0 ? mantissa * 0x1p-133 : (128 + mantissa) * Math.pow(2, exponent - 134);
            double expected = bits >= 1 << 15 ? -magnitude : magnitude;
            assertThat((double) values[bits]).as("bits %x", bits).isEqualTo(Double.valueOf(expected));
        }
        assertThat(Float.floatToRawIntBits(values[0x8000])).as("-0").isEqualTo(Integer.MIN_VALUE);
    }

    @Test
    void doublesAreRoundedToNearestAndFloatsKept() {
        double[] doubles = {0.1, -0.0, 1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-50, 0x1p-149, 0x1p-151, 3.4028235e38};
        ByteBuffer bytes = ByteBuffer.allocate(8 * doubles.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(doubles);
        assertThat(floats(tensor(DType.F64, bytes.array(), doubles.length)))
                .containsExactly(0.1f, -0.0f, 1f, 1 + 0x1p-23f, Float.MIN_VALUE, 0f, Float.MAX_VALUE);

        float[] floats = {-0.0f, Float.MIN_VALUE, Float.MAX_VALUE, 0.1f};
        ByteBuffer stored = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        stored.asFloatBuffer().put(floats);
        assertThat(floats(tensor(DType.F32, stored.array(), 2, 2))).containsExactly(floats);
    }

    @Test
    void aTensorIsPutAtThePositionOfABufferOfAnyOrder() {
        byte[] one = {0, 0, (byte) 0x80, 0x3f};
        for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
            FloatBuffer out = ByteBuffer.allocateDirect(12).order(order).asFloatBuffer();
            tensor(DType.F32, one, 1).copyTo(out.position(1));
            assertThat(out.position()).isEqualTo(2);
            assertThat(new float[] {out.get(0), out.get(1), out.get(2)}).containsExactly(0, 1, 0);
        }
    }

    @Test
    void aBufferWithTooLittleRoomIsAnError() {
        for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16, DType.F64}) {
            StoredTensor tensor = tensor(dtype, new byte[2 * dtype.bits() / 8], 2);
            assertThatThrownBy(() -> tensor.copyTo(FloatBuffer.allocate(1)))
                    .isInstanceOf(BufferOverflowException.class);
        }
    }

    @Test
    void theFirstValueThatIsNoFiniteFloatIsFound() {
        ByteBuffer doubles = ByteBuffer.allocate(8 * 100 * 100).order(ByteOrder.LITTLE_ENDIAN);
        StoredTensor tensor = tensor(DType.F64, doubles.array(), 100, 100);
        assertThat(tensor.firstNotFinite()).isEmpty();
        doubles.putDouble(8 * 9999, Double.NaN);
        assertThat(tensor.firstNotFinite()).hasValue("NaN at [99, 99]");
        doubles.putDouble(8 * 4196, -1e300);
        assertThat(tensor.firstNotFinite()).hasValue("-Infinity at [41, 96]");
    }
}
