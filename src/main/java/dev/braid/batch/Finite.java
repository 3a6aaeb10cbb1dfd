package dev.braid.batch;

import java.nio.FloatBuffer;

/** Tells finite numbers from NaN and infinity. */
public final class Finite {
    private static final int INFINITY_BITS = 0x7f800000;

    private Finite() {}

    /** Whether every float of {@code buffer} from {@code start} up to, not including, {@code end} is finite. */
    public static boolean between(FloatBuffer buffer, int start, int end) {
        int largest = 0;
        for (int i = start; i < end; i++) {
            largest = Math.max(largest, Float.floatToRawIntBits(buffer.get(i)) & 0x7fffffff);
        }
        return largest < INFINITY_BITS;
    }
}
