package dev.braid.kernel;

import java.nio.FloatBuffer;

/** Reads the softmax of attention while it is computed: called once for each row, head and query. */
@FunctionalInterface
public interface SoftmaxReader {

    /**
     * Reads the weights of a row's keys for one head and query.
     *
     * @param softmax holds them from {@code first} on, until this method returns
     */
    void read(int row, FloatBuffer softmax, int first);
}
