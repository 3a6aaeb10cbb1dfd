package dev.braid.kernel;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/** The rows of a matrix of either type, read and written as floats. */
interface HostRows {

    static HostRows of(Matrix matrix) {
        return matrix.isBfloat16()
                ? new Bfloat16(matrix.bytes().asShortBuffer(), matrix.stride(), matrix.columns())
                : new Float32(matrix.buffer(), matrix.stride(), matrix.columns());
    }

    /** Copies row r, [D], to the beginning of an array. */
    void read(int r, float[] numbers);

    /** Overwrites row r, [D], with the beginning of an array. */
    void write(int r, float[] numbers);

    /** Rows of float32 numbers, copied unchanged. */
    record Float32(FloatBuffer matrix, int stride, int columns) implements HostRows {
        @Override
        public void read(int r, float[] numbers) {
            matrix.get(r * stride, numbers, 0, columns);
        }

        @Override
        public void write(int r, float[] numbers) {
            matrix.put(r * stride, numbers, 0, columns);
        }
    }

    /** Rows of bfloat16 numbers, the upper halves of floats. Writing rounds to the nearest number, ties to even. */
    final class Bfloat16 implements HostRows {
        private final ShortBuffer matrix;
        private final int stride;
        /** The halves of a row: loops over an array are several times as fast as loops over a buffer. */
        private final short[] row;

        private Bfloat16(ShortBuffer matrix, int stride, int columns) {
            this.matrix = matrix;
            this.stride = stride;
            this.row = new short[columns];
        }

        @Override
        public void read(int r, float[] numbers) {
            matrix.get(r * stride, row);
            for (int c = 0; c < row.length; c++) {
                numbers[c] = Float.intBitsToFloat(row[c] << Short.SIZE);
            }
        }

        @Override
        public void write(int r, float[] numbers) {
            for (int c = 0; c < row.length; c++) {
                row[c] = rounded(numbers[c]);
            }
            matrix.put(r * stride, row);
        }

        private static short rounded(float number) {
            int bits = Float.floatToIntBits(number); // every NaN becomes 0x7fc00000, which rounds to a NaN
            int even = (bits >>> Short.SIZE) & 1;
            return (short) ((bits + 0x7fff + even) >>> Short.SIZE);
        }
    }
}
