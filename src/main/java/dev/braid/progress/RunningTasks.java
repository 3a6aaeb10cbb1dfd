package dev.braid.progress;

import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;

/** The latest reports of executors about their running tasks. Driver only; threads may share it. */
public final class RunningTasks {
    /** Older reports are from executors that are gone; nanoseconds. */
    private static final long STALE = TimeUnit.SECONDS.toNanos(30);

    /** The latest report of each executor. */
    private static final Map<String, Heard> EXECUTORS = new ConcurrentHashMap<>();

    private RunningTasks() {}

    /**
     * A report of one executor.
     *
     * @param executor its id
     * @param tasks the attempts that run on it
     * @param nativeBytes the off-heap bytes that its model and buffers take
     */
    public record Report(String executor, List<TaskWork> tasks, long nativeBytes) implements Serializable {
        public boolean isEmpty() {
            return tasks.isEmpty() && nativeBytes == 0;
        }
    }

    private record Heard(Report report, long nanos) {}

    public static void heard(Report report) {
        EXECUTORS.put(report.executor(), new Heard(report, System.nanoTime()));
    }

    private static List<Report> fresh() {
        long now = System.nanoTime();
        EXECUTORS.values().removeIf(heard -> now - heard.nanos() > STALE);
        return EXECUTORS.values().stream().map(Heard::report).toList();
    }

    /**
     * The tasks of a run that are not finished. For each partition it gives the attempt that has come furthest, because only
     * one of them will count.
     *
     * @param finished whether a partition is already counted
     */
    static List<Work> of(UUID run, IntPredicate finished) {
        Map<Integer, TaskWork> furthest = new HashMap<>();
        for (Report report : fresh()) {
            for (TaskWork task : report.tasks()) {
                if (run.equals(task.run()) && !finished.test(task.partition())) {
                    furthest.merge(
                            task.partition(),
                            task,
                            (one, other) -> other.work().rows() > one.work().rows() ? other : one);
                }
            }
        }
        return furthest.values().stream().map(TaskWork::work).toList();
    }

    /** The off-heap bytes that the model and its buffers take on all executors. */
    public static long nativeBytes() {
        return fresh().stream().mapToLong(Report::nativeBytes).sum();
    }
}
