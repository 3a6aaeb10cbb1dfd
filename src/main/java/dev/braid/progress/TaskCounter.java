package dev.braid.progress;

import dev.braid.decode.Reason;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Counts what one attempt of a task does, for other threads to read while it runs. Only the task's own thread counts, so a
 * count is a plain addition and an ordered store, which cost next to nothing.
 */
public final class TaskCounter implements AutoCloseable {
    private static final Set<TaskCounter> RUNNING = ConcurrentHashMap.newKeySet();
    /** The work of the attempts that have ended in this JVM. Guarded by the class. */
    private static Work ended = Work.NONE;

    private final UUID run;
    private final int partition;
    private final AtomicLong rows = new AtomicLong();
    private final AtomicLong tokens = new AtomicLong();
    private final AtomicLong multiplyAdds = new AtomicLong();
    private final Map<Reason, AtomicLong> badRows =
            Stream.of(Reason.values()).collect(Collectors.toMap(reason -> reason, reason -> new AtomicLong()));

    /** A counter that no other thread reads. */
    TaskCounter(UUID run, int partition) {
        this.run = run;
        this.partition = partition;
    }

    /** The counter of an attempt that begins in this JVM, until it is closed. */
    public static TaskCounter start(UUID run, int partition) {
        TaskCounter counter = new TaskCounter(run, partition);
        RUNNING.add(counter);
        return counter;
    }

    /** Counts a row that is handed out. */
    public void emitted(int rowTokens) {
        add(rows, 1);
        add(tokens, rowTokens);
    }

    /** Counts the multiply-adds of matrix products. */
    public void computed(long added) {
        add(multiplyAdds, added);
    }

    /** Counts a row that cannot be fused. */
    public void rejected(Reason reason) {
        add(badRows.get(reason), 1);
    }

    private static void add(AtomicLong count, long more) {
        count.lazySet(count.getPlain() + more);
    }

    /** What the attempt has done so far. */
    TaskWork soFar() {
        return new TaskWork(run, partition, work());
    }

    private Work work() {
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        badRows.forEach((reason, count) -> {
            if (count.get() > 0) {
                bad.put(reason, count.get());
            }
        });
        return new Work(rows.get(), tokens.get(), multiplyAdds.get(), bad);
    }

    /** Ends the attempt, whose work is kept for this JVM's total. */
    @Override
    public void close() {
        synchronized (TaskCounter.class) {
            if (RUNNING.remove(this)) {
                ended = ended.plus(work());
            }
        }
    }

    /** The attempts that are running in this JVM, of runs with a {@link FusionProgress}. */
    public static List<TaskWork> running() {
        return RUNNING.stream()
                .filter(counter -> counter.run != null)
                .map(TaskCounter::soFar)
                .toList();
    }

    /** What this JVM has done, including attempts that failed. */
    public static synchronized Work ofThisJvm() {
        return RUNNING.stream().map(TaskCounter::work).reduce(ended, Work::plus);
    }
}
