package dev.braid.bench;

/** Holds a contender's output against Braid's portable kernels, which share no code with the libraries measured. */
final class Parity {
    private static final double TOLERANCE = 2e-4;

    private Parity() {}

    /**
     * Compares the fused real tokens.
     *
     * @throws IllegalStateException if an element differs by more than 2e-4 relative to max(1, |expected|)
     */
    static void check(String name, float[] fused, float[] expected) {
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
        if (largest > TOLERANCE) {
            throw new IllegalStateException(
                    "Cannot time " + name + ": expected the tokens of the portable kernels within " + TOLERANCE
                            + ", got an error of " + largest);
        }
    }
}
