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

    /** As above, with each head of every token {@code copies} times side by side. */
    void copyHeadsTo(FloatBuffer out, int to, int first, int count, int headSize, int copies) {
        if (copies == 1) {
            copyTo(out, to, first, count);
            return;
        }
        int target = to;
        for (int token = first; token < first + count; token++) {
            for (int head = 0; head < columns; head += headSize) {
                for (int copy = 0; copy < copies; copy++) {
                    out.put(target, numbers, token * stride + head, headSize);
                    target += headSize;
                }
            }
        }
    }

    /** Overwrites {@code count} tokens from {@code first} on with those at {@code from}. */
    void copyFrom(FloatBuffer in, int from, int first, int count) {
        for (int token = 0; token < count; token++) {
            numbers.put((first + token) * stride, in, from + token * columns, columns);
        }
    }
}
