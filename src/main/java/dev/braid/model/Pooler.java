package dev.braid.model;

import dev.braid.checkpoint.Pooling;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Pools the fused tokens of a row, [tokens, D], to one vector, [D]: {@link #begin}, then {@link #add} for each run of
 * its tokens, then {@link #end}. Used by one thread at a time.
 */
final class Pooler {
    private final double[] sums;
    private final float[] largest;
    private final float[] token;
    private Pooling pooling = Pooling.MEAN;
    private int tokens;

    Pooler(int size) {
        this.sums = new double[size];
        this.largest = new float[size];
        this.token = new float[size];
    }

    /**
     * Starts another row.
     *
     * @throws IllegalArgumentException for a pooling that does not read all tokens
     */
    void begin(Pooling by) {
        switch (by) {
            case NONE, CLS, LAST, POOLER ->
                throw new IllegalArgumentException("pooling '" + by.configName() + "' does not read all tokens");
            case MEAN -> Arrays.fill(sums, 0);
            case MAX -> Arrays.fill(largest, Float.NEGATIVE_INFINITY);
        }
        pooling = by;
        tokens = 0;
    }

    /**
     * Adds {@code count} tokens from {@code first} on.
     *
     * @param hidden packed tokens, dense, [.., D]
     */
    void add(FloatBuffer hidden, int first, int count) {
        tokens += count;
        for (int t = first; t < first + count; t++) {
            hidden.get(t * token.length, token);
            if (pooling == Pooling.MEAN) {
                for (int c = 0; c < sums.length; c++) {
                    sums[c] += token[c];
                }
            } else {
                for (int c = 0; c < token.length; c++) {
                    largest[c] = Math.max(largest[c], token[c]);
                }
            }
        }
    }

    /** Writes the mean or the maximum of the row's tokens to {@code vector}. */
    void end(float[] vector) {
        for (int c = 0; c < token.length; c++) {
            vector[c] = pooling == Pooling.MEAN ? (float) (sums[c] / tokens) : largest[c];
        }
    }
}
