package dev.braid.batch;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Copies numbers to a buffer, through an array that stays in the processor's first cache while its numbers are converted
 * and looked at.
 */
public final class PieceCopy {
    private static final int LENGTH = 512;

    private final FloatBuffer out;
    private final float[] piece = new float[LENGTH];
    /** A finite number times 0 adds 0 to one of these, any other NaN. The sums are apart, so that they are made side by side. */
    private final float[] zeros = new float[LENGTH];

    /** Copies to {@code out}, from its position on. */
    public PieceCopy(FloatBuffer out) {
        this.out = out;
    }

    /** Copies {@code count} of the numbers, from number {@code first} on, behind those copied before. */
    public void put(Numbers numbers, int first, int count) {
        int length;
        for (int done = 0; done < count; done += length) {
            length = Math.min(LENGTH, count - done);
            numbers.read(first + done, length, piece);
            for (int i = 0; i < length; i++) {
                zeros[i] += piece[i] * 0f;
            }
            out.put(piece, 0, length);
        }
    }

    /** Copies floats that lie in an array. */
    public void put(float[] numbers, int first, int count) {
        put((from, length, target) -> System.arraycopy(numbers, from, target, 0, length), first, count);
    }

    /** Starts again, at the buffer's beginning. */
    void clear() {
        out.clear();
        Arrays.fill(zeros, 0);
    }

    /** Whether every number so far is finite. */
    public boolean isFinite() {
        float sum = 0;
        for (float zero : zeros) {
            sum += zero;
        }
        return sum == 0;
    }
}
