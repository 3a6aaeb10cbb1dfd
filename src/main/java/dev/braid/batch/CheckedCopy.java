package dev.braid.batch;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Copies stored numbers to a buffer as floats and notes whether all of them were finite. Numbers pass through arrays
 * that stay in the processor's first-level cache.
 */
public final class CheckedCopy {
    /** How many numbers a piece has. */
    private static final int LENGTH = 512;

    private final FloatBuffer out;
    private final float[] piece = new float[LENGTH];
    private final byte[] raw = new byte[LENGTH * Double.BYTES];
    /** x * 0 is 0 for finite x and NaN otherwise. One sum per lane, so that the loop vectorises. */
    private final float[] zeros = new float[LENGTH];
    /** The position in the buffer to which {@link #rollBack} returns. All numbers before it are finite. */
    private int marked;

    /** Copies to {@code out}, from its position on. */
    public CheckedCopy(FloatBuffer out) {
        this.out = out;
    }

    /** Appends {@code count} numbers, beginning with number {@code first}. */
    public void put(FloatSource numbers, int first, int count) {
        int length;
        for (int done = 0; done < count; done += length) {
            length = Math.min(LENGTH, count - done);
            numbers.read(first + done, length, piece);
            append(length);
        }
    }

    /** Appends {@code count} numbers that are stored as bytes, beginning with number {@code first}. */
    public void put(Bytes bytes, ElementType type, int first, int count) {
        int size = type.bytes();
        int length;
        for (int done = 0; done < count; done += length) {
            length = Math.min(LENGTH, count - done);
            bytes.copy((first + done) * size, length * size, raw);
            type.read(raw, length, piece);
            append(length);
        }
    }

    private void append(int length) {
        for (int i = 0; i < length; i++) {
            zeros[i] += piece[i] * 0f;
        }
        out.put(piece, 0, length);
    }

    /** Appends floats of an array. */
    public void put(float[] numbers, int first, int count) {
        put((from, length, target) -> System.arraycopy(numbers, from, target, 0, length), first, count);
    }

    /** Starts again at the beginning of the buffer. */
    void clear() {
        out.clear();
        marked = 0;
        Arrays.fill(zeros, 0);
    }

    /** Notes the current end, for {@link #rollBack}. All numbers so far must be finite. */
    void mark() {
        marked = out.position();
    }

    /** Drops the numbers after the last mark. */
    void rollBack() {
        out.position(marked);
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
