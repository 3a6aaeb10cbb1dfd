package dev.braid.plan;

import java.time.Duration;
import java.util.OptionalInt;

/**
 * How long a fusion takes on a number of executors. Starting Spark, reading footers and checking keys take additional time.
 *
 * @param slotSeconds the time that a single task slot would take
 * @param slots of an executor
 * @param cores of an executor
 * @param mostTasks the most tasks that can run at once, whatever the number of slots
 */
public record Schedule(double slotSeconds, int slots, int cores, long mostTasks) {
    private static final double HOUR = 3600;

    /** The hours that a single task slot would take. */
    public double slotHours() {
        return slotSeconds / HOUR;
    }

    /** Hours until the last row is written. */
    public double hours(int executors) {
        return slotHours() / Math.min((long) executors * slots, mostTasks);
    }

    /** The fewest executors that finish in time; empty if none can, because at most {@link #mostTasks} tasks run at once. */
    public OptionalInt executors(Duration time) {
        double needed = Math.max(1, Math.ceil(slotSeconds / Math.max(1e-3, time.toMillis() / 1e3)));
        return needed > mostTasks ? OptionalInt.empty() : OptionalInt.of((int) Math.ceil(needed / slots));
    }

    /** Core-hours to pay for: executors hold all of their cores until the end. */
    public double coreHours(int executors) {
        return hours(executors) * executors * cores;
    }
}
