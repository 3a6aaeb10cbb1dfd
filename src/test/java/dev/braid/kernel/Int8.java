package dev.braid.kernel;

import dev.braid.tensor.Precision;

/** 8-bit integers as tests see them. */
public final class Int8 {
    private Int8() {}

    /** The kernels; where the processor lacks them, the calling test is skipped with the reason. */
    public static KernelLibrary library() {
        return Supported.orSkip(Precision.INT8);
    }

    /** Each row as integers from -127 to 127 times a scale of its own. */
    static double[][] nearest(double[][] rows) {
        double[][] nearest = new double[rows.length][];
        for (int r = 0; r < rows.length; r++) {
            float largest = 0;
            for (double number : rows[r]) {
                largest = Math.max(largest, Math.abs((float) number));
            }
            float inverse = largest == 0 ? 0 : 127 / largest;
            double scale = largest / 127;
            nearest[r] = new double[rows[r].length];
            for (int c = 0; c < nearest[r].length; c++) {
                nearest[r][c] = Math.rint((float) rows[r][c] * inverse) * scale;
            }
        }
        return nearest;
    }
}
