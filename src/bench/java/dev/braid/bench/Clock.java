package dev.braid.bench;

import java.lang.management.ManagementFactory;

/** How the seconds of what runs on one thread are counted. */
enum Clock {
    /** Time as it passes. */
    WALL,
    /** Processor time of the calling thread: says more than time as it passes where other programs run. */
    PROCESSOR;

    /** Of this JVM: {@link #PROCESSOR} with {@code -Dbraid.bench.clock=processor}. */
    static final Clock CHOSEN = "processor".equals(System.getProperty("braid.bench.clock")) ? PROCESSOR : WALL;

    long nanoseconds() {
        return this == WALL
                ? System.nanoTime()
                : ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
