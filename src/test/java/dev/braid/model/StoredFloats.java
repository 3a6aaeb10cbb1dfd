package dev.braid.model;

import dev.braid.batch.FeatureSequence;
import java.nio.FloatBuffer;

/** A sequence that lies in an array. */
record StoredFloats(FloatBuffer values, int tokens) implements FeatureSequence {

    StoredFloats(float[] values, int tokens) {
        this(FloatBuffer.wrap(values), tokens);
    }

    @Override
    public boolean copyTo(FloatBuffer out, int first, int count) {
        int width = values.capacity() / tokens;
        out.put(values.slice(first * width, count * width));
        return true;
    }
}
