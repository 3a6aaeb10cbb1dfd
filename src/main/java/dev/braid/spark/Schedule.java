package dev.braid.spark;

import java.time.Duration;
import java.util.OptionalInt;

/**
 * How long a fusion takes on so many executors. Starting Spark, footers and the check of keys come on top.
 *
 * @param slotSeconds what one task slot would take alone
 * @param slots of an executor
 * @param cores of an executor
 * @param mostTasks that can run at once, whatever the number of slots
 */
public record Schedule(double slotSeconds, int slots, int cores, long mostTasks) {
    private static final double HOUR = 3600;

    /** Core-hours of one core that works all the time. */
    public double slotHours() {
        return slotSeconds / HOUR;
    }

    /** Hours until the last row is written. */
    public double hours(int executors) {
        return slotHours() / Math.min((long) executors * slots, mostTasks);
    }

    /** The fewest executors that finish in time; empty if none can, as no more than {@link #mostTasks} slots are of use. */
    public OptionalInt executors(Duration time) {
        double needed = Math.max(1, Math.ceil(slotSeconds / Math.max(1e-3, time.toMillis() / 1e3)));
        return needed > mostTasks ? OptionalInt.empty() : OptionalInt.of((int) Math.ceil(needed / slots));
    }

    /** Core-hours that are paid for: executors hold all of their cores until the end. */
    public double coreHours(int executors) {
        return hours(executors) * executors * cores;
    }
}
