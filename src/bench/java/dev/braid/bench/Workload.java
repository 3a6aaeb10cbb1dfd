package dev.braid.bench;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.model.FusionModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;

/**
 * One model and the rows it fuses, made from a fixed seed: the same weights and rows for every contender.
 *
 * @param checkpoint random weights
 * @param rows in arrival order
 */
record Workload(Checkpoint checkpoint, RowBatch rows) {
    private static final long SEED = 20170612;
    private static final int SHORTEST_TEXT = 4;
    private static final int LONGEST_TEXT = 64;
    private static final int SAMPLE_TOKENS = 1024;

    /** Rows of all the visual tokens of the shape, and texts of that length. */
    static Workload of(EncoderShape shape, TextLength text, int rows) {
        return of(shape, rows, random -> new int[] {
            shape.visualTokens(),
            text == TextLength.DENSE
                    ? shape.textTokens()
                    : SHORTEST_TEXT + random.nextInt(LONGEST_TEXT - SHORTEST_TEXT + 1)
        });
    }

    /**
     * Rows both of whose sequences are, in the mean, {@code meanOverLongest} of the longest there is: {@code 1 +
     * (longest - 1) u^(1 / meanOverLongest - 1)} tokens, with u uniform in 0..1.
     */
    static Workload ofMeanLength(EncoderShape shape, double meanOverLongest, int rows) {
        double power = 1 / meanOverLongest - 1;
        return of(shape, rows, random ->
                new int[] {length(shape.visualTokens(), power, random), length(LONGEST_TEXT, power, random)});
    }

    private static int length(int longest, double power, Random random) {
        return 1 + (int) Math.round((longest - 1) * Math.pow(random.nextDouble(), power));
    }

    private static Workload of(EncoderShape shape, int rows, Function<Random, int[]> row) {
        int[] featureSizes = shape.config().modalities().stream()
                .mapToInt(ModalityConfig::featureSize)
                .toArray();
        Random random = new Random(SEED);
        List<int[]> lengths = new ArrayList<>();
        for (int r = 0; r < rows; r++) {
            lengths.add(row.apply(random));
        }
        return new Workload(shape.checkpoint(SEED), RowBatch.random(featureSizes, lengths, random));
    }

    /** Floating-point operations in the matrix products of the real tokens, those of attention too. */
    long flops() {
        ModelConfig config = checkpoint.config();
        long hiddenSize = config.hiddenSize();
        long multiplyAdds =
                rows.tokens() * FusionModel.linearMultiplyAdds(config.stacks().get(0))
                        + 2L * config.layers() * hiddenSize * rows.tokenPairs();
        for (int m = 0; m < rows.modalities(); m++) {
            multiplyAdds +=
                    rows.tokens(m) * hiddenSize * config.modalities().get(m).featureSize();
        }
        return 2 * multiplyAdds;
    }

    /** The first rows, about a thousand tokens: here the contenders must agree before anything is timed. */
    RowBatch sample() {
        return rows.first(Math.max(4, SAMPLE_TOKENS * rows.rows() / rows.tokens()));
    }
}
