package dev.braid.model;

import java.util.Arrays;

/**
 * Where the time of one thread goes: each {@link #lap} charges what has passed since the one before to a stage, so that the
 * stages add up to the whole. A lap costs about 25 ns.
 */
@SuppressWarnings("EnumOrdinal") // an index that never leaves this class
public final class Stopwatch {
    private final long[] nanos = new long[Stage.values().length];
    private long last;

    Stopwatch() {}

    /** Forgets all laps; the first one counts from {@code since}, a reading of {@link System#nanoTime()}. */
    public void start(long since) {
        Arrays.fill(nanos, 0);
        last = since;
    }

    /** Charges the time since the last lap to a stage. */
    public void lap(Stage stage) {
        lap(stage, System.nanoTime());
    }

    /** Charges the time from the last lap to {@code now}, a reading of {@link System#nanoTime()}, to a stage. */
    public void lap(Stage stage, long now) {
        nanos[stage.ordinal()] += now - last;
        last = now;
    }

    /** All laps of a stage together, in nanoseconds. */
    public long nanos(Stage stage) {
        return nanos[stage.ordinal()];
    }
}
