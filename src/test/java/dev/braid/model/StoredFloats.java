package dev.braid.model;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import java.util.Random;

/** A sequence that lies in an array. */
final class StoredFloats implements FeatureSequence {
    private final float[] values;
    private final int tokens;

    StoredFloats(float[] values, int tokens) {
        this.values = values;
        this.tokens = tokens;
    }

    /** Normally distributed numbers. */
    static FeatureSequence normal(Random random, int tokens, int width) {
        float[] values = new float[tokens * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return new StoredFloats(values, tokens);
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        int width = values.length / tokens;
        out.put(values, first * width, count * width);
    }
}
