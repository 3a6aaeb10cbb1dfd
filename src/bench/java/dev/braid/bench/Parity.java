package dev.braid.bench;

/** Holds a contender's output against Braid's portable kernels, which share no code with the libraries measured. */
final class Parity {
    private static final double FLOAT32 = 2e-4;
    /** A bfloat16 has 8 bits of precision. */
    private static final double BFLOAT16 = 5e-2;

    private Parity() {}

    /**
     * Compares the fused real tokens.
     *
     * @param rounds whether the contender rounds to bfloat16
     * @throws IllegalStateException if an element differs by more than 2e-4, or 5e-2 where it is rounded, relative to max(1,
     *     |expected|)
     */
    static void check(String name, float[] fused, float[] expected, boolean rounds) {
        double tolerance = rounds ? BFLOAT16 : FLOAT32;
        if (fused.length != expected.length) {
            throw new IllegalStateException(
                    "Cannot compare " + name + ": expected " + expected.length + " fused values, got " + fused.length);
        }
        double largest = 0;
        for (int i = 0; i < fused.length; i++) {
            double error = Math.abs(fused[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
            largest = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(largest, error);
        }
        System.out.printf("# parity: %s, largest error %.1e%n", name, largest);
        if (largest > tolerance) {
            throw new IllegalStateException(
                    "Cannot time " + name + ": expected the tokens of the portable kernels within " + tolerance
                            + ", got an error of " + largest);
        }
    }
}
