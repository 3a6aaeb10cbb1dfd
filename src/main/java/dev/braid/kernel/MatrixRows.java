package dev.braid.kernel;

import java.nio.ByteBuffer;

/**
 * Copies the rows of a matrix, each the query, key, value or context of a token, to and from dense memory with elements
 * of the same type.
 */
record MatrixRows(ByteBuffer bytes, int elementBytes, int stride, int columns) {

    static MatrixRows of(Matrix matrix) {
        return new MatrixRows(matrix.bytes(), matrix.elementBytes(), matrix.stride(), matrix.columns());
    }

    /** Copies {@code count} rows, beginning with row {@code first}, to byte {@code to} of {@code out}. */
    void copyTo(ByteBuffer out, int to, int first, int count) {
        int width = columns * elementBytes;
        for (int row = 0; row < count; row++) {
            out.put(to + row * width, bytes, (first + row) * stride * elementBytes, width);
        }
    }

    /** Like {@link #copyTo}, but writes each head of a row {@code copies} times, one after another. */
    void copyHeadsTo(ByteBuffer out, int to, int first, int count, int headSize, int copies) {
        if (copies == 1) {
            copyTo(out, to, first, count);
            return;
        }
        int width = headSize * elementBytes;
        int target = to;
        for (int row = first; row < first + count; row++) {
            for (int head = 0; head < columns; head += headSize) {
                for (int copy = 0; copy < copies; copy++) {
                    out.put(target, bytes, (row * stride + head) * elementBytes, width);
                    target += width;
                }
            }
        }
    }

    /**
     * Overwrites {@code count} rows, beginning with row {@code first}, with the dense rows at byte {@code from} of
     * {@code in}.
     */
    void copyFrom(ByteBuffer in, int from, int first, int count) {
        int width = columns * elementBytes;
        for (int row = 0; row < count; row++) {
            bytes.put((first + row) * stride * elementBytes, in, from + row * width, width);
        }
    }
}
