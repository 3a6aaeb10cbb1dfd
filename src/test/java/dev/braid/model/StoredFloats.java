package dev.braid.model;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.PieceCopy;

/** A sequence that lies in an array. */
final class StoredFloats implements FeatureSequence {
    private final float[] values;
    private final int tokens;

    StoredFloats(float[] values, int tokens) {
        this.values = values;
        this.tokens = tokens;
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        int width = values.length / tokens;
        out.put(values, first * width, count * width);
    }
}
