package dev.braid.progress;

import dev.braid.model.FusionTimer;

/**
 * Measures how long one thread spends on each stage. Each {@link #lap} charges the time since the previous one to a
 * stage, so the stages add up to the whole time, except for what is skipped. A lap costs about 25 ns.
 */
@SuppressWarnings("EnumOrdinal") // an index that never leaves this class
public final class Stopwatch implements FusionTimer {
    private final long[] nanos = new long[Stage.values().length];
    private long last;

    /** Starts the first lap. */
    public Stopwatch() {
        skip();
    }

    /** Charges the time since the last lap to no stage, after the thread has waited. */
    public void skip() {
        last = System.nanoTime();
    }

    /** Charges the time since the last lap to a stage. */
    public void lap(Stage stage) {
        long now = System.nanoTime();
        nanos[stage.ordinal()] += now - last;
        last = now;
    }

    @Override
    public void packed() {
        lap(Stage.PACK);
    }

    @Override
    public void projected() {
        lap(Stage.PROJECT);
    }

    @Override
    public void attended() {
        lap(Stage.ATTENTION);
    }

    @Override
    public void fedForward() {
        lap(Stage.FEED_FORWARD);
    }

    @Override
    public void pooled() {
        lap(Stage.POOL);
    }

    /** All laps of a stage together, in nanoseconds. */
    public long nanos(Stage stage) {
        return nanos[stage.ordinal()];
    }
}
