package dev.braid.model;

import dev.braid.checkpoint.Pooling;
import java.nio.FloatBuffer;

/** From the fused tokens of a row, [tokens, D], to one vector, [D]. */
final class Pooler {
    private Pooler() {}

    /**
     * The mean or the maximum of the tokens from {@code first} on.
     *
     * @param hidden packed tokens, dense, [.., size]
     * @throws IllegalArgumentException for a pooling that is not over all tokens
     */
    static float[] pool(Pooling pooling, FloatBuffer hidden, int first, int tokens, int size) {
        return switch (pooling) {
            case NONE, CLS, LAST, POOLER ->
                throw new IllegalArgumentException("pooling '" + pooling.configName() + "' is not over all tokens");
            case MEAN -> mean(hidden, first, tokens, size);
            case MAX -> max(hidden, first, tokens, size);
        };
    }

    /** One of them, a copy. */
    static float[] token(FloatBuffer hidden, int index, int size) {
        float[] token = new float[size];
        hidden.get(index * size, token);
        return token;
    }

    private static float[] mean(FloatBuffer hidden, int first, int tokens, int size) {
        double[] sums = new double[size];
        float[] token = new float[size];
        for (int t = first; t < first + tokens; t++) {
            hidden.get(t * size, token);
            for (int c = 0; c < size; c++) {
                sums[c] += token[c];
            }
        }
        for (int c = 0; c < size; c++) {
            token[c] = (float) (sums[c] / tokens);
        }
        return token;
    }

    private static float[] max(FloatBuffer hidden, int first, int tokens, int size) {
        float[] largest = token(hidden, first, size);
        float[] token = new float[size];
        for (int t = first + 1; t < first + tokens; t++) {
            hidden.get(t * size, token);
            for (int c = 0; c < size; c++) {
                largest[c] = Math.max(largest[c], token[c]);
            }
        }
        return largest;
    }
}
