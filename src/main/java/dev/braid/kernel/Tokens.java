package dev.braid.kernel;

import java.nio.FloatBuffer;

/** The rows of a matrix, for copies to and from dense memory. */
record Tokens(FloatBuffer numbers, int stride, int columns) {

    static Tokens of(Matrix matrix) {
        return new Tokens(matrix.buffer(), matrix.stride(), matrix.columns());
    }

    /** Copies {@code count} tokens, beginning with token {@code first}, to position {@code to} of {@code out}. */
    void copyTo(FloatBuffer out, int to, int first, int count) {
        for (int token = 0; token < count; token++) {
            out.put(to + token * columns, numbers, (first + token) * stride, columns);
        }
    }

    /** Like {@link #copyTo}, but writes each head of a token {@code copies} times in a row. */
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

    /**
     * Overwrites {@code count} tokens, beginning with token {@code first}, with the numbers at position {@code from} of
     * {@code in}.
     */
    void copyFrom(FloatBuffer in, int from, int first, int count) {
        for (int token = 0; token < count; token++) {
            numbers.put((first + token) * stride, in, from + token * columns, columns);
        }
    }
}
