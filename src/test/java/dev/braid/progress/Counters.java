package dev.braid.progress;

import java.util.UUID;

/** Counters that Spark does not know, for rows that are fused without it. */
public final class Counters {
    private Counters() {}

    public static FusionProgress ofRun() {
        return new FusionProgress();
    }

    public static TaskCounter ofTask(UUID run, int partition) {
        return new TaskCounter(run, partition);
    }
}
