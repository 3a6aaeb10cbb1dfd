package dev.braid.bench;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * One model and the batches it fuses, made from a fixed seed: the same weights and rows for every contender.
 *
 * @param checkpoint random weights
 * @param batches rows in arrival order
 */
record Workload(Checkpoint checkpoint, List<RowBatch> batches) {
    private static final long SEED = 20170612;
    private static final int SHORTEST_TEXT = 4;
    private static final int LONGEST_TEXT = 64;
    private static final int RAGGED_ROWS = 32;
    private static final int SAMPLE_TOKENS = 1024;

    static Workload of(EncoderShape shape, TextLength text) {
        int[] featureSizes = shape.config().modalities().stream()
                .mapToInt(ModalityConfig::featureSize)
                .toArray();
        Random random = new Random(SEED);
        List<RowBatch> batches = new ArrayList<>();
        for (int b = 0; b < shape.batches(); b++) {
            batches.add(RowBatch.random(featureSizes, lengths(shape, text, random), random));
        }
        return new Workload(shape.checkpoint(SEED), batches);
    }

    private static List<int[]> lengths(EncoderShape shape, TextLength text, Random random) {
        List<int[]> lengths = new ArrayList<>();
        int rows = text == TextLength.DENSE ? shape.denseRows() : RAGGED_ROWS;
        for (int row = 0; row < rows; row++) {
            int textTokens = text == TextLength.DENSE
                    ? shape.textTokens()
                    : SHORTEST_TEXT + random.nextInt(LONGEST_TEXT - SHORTEST_TEXT + 1);
            lengths.add(new int[] {shape.visualTokens(), textTokens});
        }
        return lengths;
    }

    /** The first rows, about a thousand tokens: here the contenders must agree before anything is timed. */
    RowBatch sample() {
        RowBatch rows = batches.get(0);
        return rows.first(Math.max(4, SAMPLE_TOKENS / rows.paddedTokens()));
    }
}
