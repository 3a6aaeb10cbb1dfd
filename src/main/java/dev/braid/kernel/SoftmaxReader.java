package dev.braid.kernel;

import java.nio.FloatBuffer;

/** Receives the softmax of attention during the computation. Called once per row, head and query. */
@FunctionalInterface
public interface SoftmaxReader {

    /**
     * Reads the weights of a row's keys for one head and query.
     *
     * @param softmax holds the weights from index {@code first} on; valid only during this call
     */
    void read(int row, FloatBuffer softmax, int first);
}
