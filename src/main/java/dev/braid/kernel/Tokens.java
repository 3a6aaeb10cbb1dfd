package dev.braid.kernel;

import java.nio.ByteBuffer;

/** The rows of a matrix, for copies to and from dense memory with elements of the same type. */
record Tokens(ByteBuffer bytes, int elementBytes, int stride, int columns) {

    static Tokens of(Matrix matrix) {
        return new Tokens(matrix.bytes(), matrix.elementBytes(), matrix.stride(), matrix.columns());
    }

    /** Copies {@code count} tokens, beginning with token {@code first}, to byte {@code to} of {@code out}. */
    void copyTo(ByteBuffer out, int to, int first, int count) {
        int width = columns * elementBytes;
        for (int token = 0; token < count; token++) {
            out.put(to + token * width, bytes, (first + token) * stride * elementBytes, width);
        }
    }

    /** Like {@link #copyTo}, but writes each head of a token {@code copies} times in a row. */
    void copyHeadsTo(ByteBuffer out, int to, int first, int count, int headSize, int copies) {
        if (copies == 1) {
            copyTo(out, to, first, count);
            return;
        }
        int width = headSize * elementBytes;
        int target = to;
        for (int token = first; token < first + count; token++) {
            for (int head = 0; head < columns; head += headSize) {
                for (int copy = 0; copy < copies; copy++) {
                    out.put(target, bytes, (token * stride + head) * elementBytes, width);
                    target += width;
                }
            }
        }
    }

    /**
     * Overwrites {@code count} tokens, beginning with token {@code first}, with the tokens at byte {@code from} of
     * {@code in}.
     */
    void copyFrom(ByteBuffer in, int from, int first, int count) {
        int width = columns * elementBytes;
        for (int token = 0; token < count; token++) {
            bytes.put((first + token) * stride * elementBytes, in, from + token * width, width);
        }
    }
}
