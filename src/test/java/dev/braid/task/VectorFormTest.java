package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.Bytes;
import dev.braid.batch.CheckedCopy;
import dev.braid.batch.ElementType;
import java.nio.FloatBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class VectorFormTest {

    @Test
    void everyFiniteHalfComesBackAsItself() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            if ((bits & 0x7c00) != 0x7c00) {
                assertThat(VectorForm.half(read(bits))).isEqualTo(bits);
            }
        }
    }

    /** Between two neighbours lies a float half-way, which goes to the even one, and floats beside it, which do not. */
    @Test
    void aFloatBetweenTwoHalvesGoesToTheNearerOneAndHalfWayToTheEvenOne() {
        for (int bits = 0; bits < 0x7bff; bits++) {
            float low = read(bits);
            float high = read(bits + 1);
            float middle = (low + high) / 2;
            int even = (bits & 1) == 0 ? bits : bits + 1;
            assertThat(VectorForm.half(middle)).isEqualTo(even);
            assertThat(VectorForm.half(-middle)).isEqualTo(even | 0x8000);
            assertThat(VectorForm.half(Math.nextDown(middle))).isEqualTo(bits);
            assertThat(VectorForm.half(Math.nextUp(middle))).isEqualTo(bits + 1);
        }
        assertThat(VectorForm.half(Float.MIN_VALUE)).isZero();
        assertThat(VectorForm.half(Math.nextDown(65520f))).isEqualTo(0x7bff);
    }

    private static float read(int half) {
        FloatBuffer out = FloatBuffer.allocate(1);
        byte[] stored = {(byte) half, (byte) (half >> 8)};
        new BinarySequence(Bytes.of(stored), ElementType.FLOAT16, 1, 1).copyTo(new CheckedCopy(out), 0, 1);
        return out.get(0);
    }

    @Test
    void whatAFormCannotHoldIsFound() {
        for (VectorForm form : VectorForm.values()) {
            assertThat(form.firstUnfit(new float[] {1, -2, 0})).isEqualTo(-1);
            assertThat(form.firstUnfit(new float[] {1, Float.NaN, 0})).isEqualTo(1);
            assertThat(form.firstUnfit(new float[] {1, 2, Float.NEGATIVE_INFINITY}))
                    .isEqualTo(2);
            assertThat(form.firstUnfit(new float[] {-65520f})).isEqualTo(form == VectorForm.FLOAT16 ? 0 : -1);
            assertThat(form.firstUnfit(new float[] {Math.nextDown(65520f)})).isEqualTo(-1);
        }
    }

    @Test
    void bytesTimesTheirScaleAreWithinHalfAScale() {
        Random random = new Random(3);
        for (float magnitude : new float[] {1, 1e-30f, 1e30f, Float.MIN_VALUE, Float.MAX_VALUE}) {
            float[] vector = new float[257];
            for (int i = 0; i < vector.length; i++) {
                vector[i] = (2 * random.nextFloat() - 1) * magnitude;
            }
            vector[7] = -magnitude;
            byte[] bytes = new byte[vector.length];
            VectorForm.INT8.encode(vector, bytes, 0);
            float scale = VectorForm.scale(vector);
            for (int i = 0; i < vector.length; i++) {
                // Below the smallest normal float the scale itself is rounded.
                double room = 0.5001 * scale + 127 * Math.ulp(scale);
                assertThat(Math.abs((double) bytes[i] * scale - vector[i])).isLessThanOrEqualTo(room);
            }
        }
        byte[] zeros = {1, 1};
        VectorForm.INT8.encode(new float[2], zeros, 0);
        assertThat(zeros).containsOnly(0);
        assertThat(VectorForm.scale(new float[2])).isZero();
    }
}
