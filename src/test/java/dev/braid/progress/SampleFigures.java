package dev.braid.progress;

import java.util.Random;

/** Figures as tasks would have counted them, for the tests of the report. */
public final class SampleFigures {
    private SampleFigures() {}

    /**
     * Tasks one after the other, two at once.
     *
     * @param groups of tokens in a row
     * @param attention whether rows have shares of attention
     * @param begun when the first one began, milliseconds since 1970
     */
    public static Figures of(int tasks, int rows, int groups, boolean attention, long begun) {
        Random random = new Random(11);
        Figures all = new Figures();
        for (int task = 0; task < tasks; task++) {
            Figures figures = new Figures();
            for (int row = 0; row < rows; row++) {
                int[] tokens = new int[groups];
                float[] shares = new float[groups];
                int sum = 0;
                for (int g = 0; g < groups; g++) {
                    tokens[g] = 1 + random.nextInt(20 * (g + 1));
                    sum += tokens[g];
                }
                for (int g = 0; g < groups; g++) {
                    shares[g] = (float) tokens[g] / sum;
                }
                figures.row(sum, tokens, attention ? shares : null);
            }
            long from = begun + 1000L * (task / 2);
            figures.ended(
                    from, from + 1000, "executor " + task % 3, new MemoryPeak(300L << 20, (700L + task % 3) << 20));
            all.add(figures);
        }
        return all;
    }
}
