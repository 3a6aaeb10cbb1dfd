package dev.braid.kernel;

import dev.braid.tensor.Precision;
import java.util.Arrays;

/** bfloat16 as tests see it. */
public final class Bfloat16 {
    private Bfloat16() {}

    /** The kernels; where the processor lacks them, the calling test is skipped with the reason. */
    public static KernelLibrary library() {
        return Supported.orSkip(Precision.BFLOAT16);
    }

    /** The nearest number whose float32 has sixteen zero bits at its end; of two the one with another zero before them. */
    static double nearest(double value) {
        int bits = Float.floatToIntBits((float) value);
        int half = 0x7fff + ((bits >>> 16) & 1);
        return Float.intBitsToFloat((bits + half) & 0xffff0000);
    }

    static double[][] nearest(double[][] values) {
        return Arrays.stream(values)
                .map(row -> Arrays.stream(row).map(Bfloat16::nearest).toArray())
                .toArray(double[][]::new);
    }
}
