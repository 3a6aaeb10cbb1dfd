package dev.braid.kernel;

import java.nio.FloatBuffer;

/** The rows of a matrix, to be copied to where they lie side by side, and back. */
record Tokens(FloatBuffer numbers, int stride, int columns) {

    static Tokens of(Matrix matrix) {
        return new Tokens(matrix.buffer(), matrix.stride(), matrix.columns());
    }

    /** Copies {@code count} tokens from {@code first} on to {@code to}. */
    void copyTo(FloatBuffer out, int to, int first, int count) {
        for (int token = 0; token < count; token++) {
            out.put(to + token * columns, numbers, (first + token) * stride, columns);
        }
    }

    /** Overwrites {@code count} tokens from {@code first} on with those at {@code from}. */
    void copyFrom(FloatBuffer in, int from, int first, int count) {
        for (int token = 0; token < count; token++) {
            numbers.put((first + token) * stride, in, from + token * columns, columns);
        }
    }
}
