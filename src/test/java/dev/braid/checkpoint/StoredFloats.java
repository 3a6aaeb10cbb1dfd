package dev.braid.checkpoint;

import java.nio.FloatBuffer;

/** All values of a stored tensor. */
final class StoredFloats {
    private StoredFloats() {}

    static float[] of(StoredTensor tensor) {
        FloatBuffer out = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(out);
        return out.array();
    }
}
