package dev.braid.model;

import dev.braid.checkpoint.Pooling;
import java.nio.FloatBuffer;
import java.util.Arrays;

/** Pools the fused tokens of a row, [tokens, D], to one vector, [D]. Used by one thread at a time. */
final class Pooler {
    private final double[] sums;
    private final float[] token;

    Pooler(int size) {
        this.sums = new double[size];
        this.token = new float[size];
    }

    /**
     * Writes the mean or the maximum of the tokens from {@code first} on to {@code vector}.
     *
     * @param hidden packed tokens, dense, [.., D]
     * @throws IllegalArgumentException for a pooling that does not read all tokens
     */
    void pool(Pooling pooling, FloatBuffer hidden, int first, int tokens, float[] vector) {
        switch (pooling) {
            case NONE, CLS, LAST, POOLER ->
                throw new IllegalArgumentException("pooling '" + pooling.configName() + "' does not read all tokens");
            case MEAN -> mean(hidden, first, tokens, vector);
            case MAX -> max(hidden, first, tokens, vector);
        }
    }

    private void mean(FloatBuffer hidden, int first, int tokens, float[] vector) {
        Arrays.fill(sums, 0);
        for (int t = first; t < first + tokens; t++) {
            hidden.get(t * token.length, token);
            for (int c = 0; c < sums.length; c++) {
                sums[c] += token[c];
            }
        }
        for (int c = 0; c < sums.length; c++) {
            vector[c] = (float) (sums[c] / tokens);
        }
    }

    private void max(FloatBuffer hidden, int first, int tokens, float[] vector) {
        hidden.get(first * token.length, vector);
        for (int t = first + 1; t < first + tokens; t++) {
            hidden.get(t * token.length, token);
            for (int c = 0; c < token.length; c++) {
                vector[c] = Math.max(vector[c], token[c]);
            }
        }
    }
}
