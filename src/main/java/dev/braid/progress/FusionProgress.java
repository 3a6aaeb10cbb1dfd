package dev.braid.progress;

import dev.braid.decode.Reason;
import dev.braid.model.Cost;
import dev.braid.publish.Shard;
import java.io.Serializable;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * Counts what a fusion has done so far, for the driver. A count grows when a task ends; only {@link #now} includes running
 * tasks. The counts are exact once the fused table has been written, because Spark counts each partition of a result stage
 * once. A table that is computed twice is counted twice.
 */
public final class FusionProgress implements Serializable {
    private static final long serialVersionUID = 1L;

    private final LongAccumulator rows = new LongAccumulator();
    private final LongAccumulator tokens = new LongAccumulator();
    private final LongAccumulator repeated = new LongAccumulator();
    private final LongAccumulator truncated = new LongAccumulator();
    private final LongAccumulator fingerprint = new LongAccumulator();
    private final Map<Stage, LongAccumulator> nanos = perStage();
    private final Map<Stage, LongAccumulator> multiplyAdds = perStage();
    /** What the tasks counted for a run report; null if no report was asked for. */
    private FiguresAccumulator figures;

    /** Identifies the run in its tasks. */
    private final UUID id = UUID.randomUUID();
    /** The work of finished tasks, which no longer count as running. */
    private final FinishedTasks finishedTasks = new FinishedTasks();

    /** The run that began last in this driver; null before the first one. */
    private static volatile FusionProgress latest;
    /** Used on the driver only, like the fields below. */
    private transient volatile long totalRows;

    private transient volatile Map<Reason, Long> badBefore = Map.of();
    private volatile long finishedRows;

    private volatile long finishedTokens;

    /** Counters that are not registered with Spark. */
    FusionProgress() {}

    private static Map<Stage, LongAccumulator> perStage() {
        Map<Stage, LongAccumulator> counters = new EnumMap<>(Stage.class);
        for (Stage stage : Stage.values()) {
            counters.put(stage, new LongAccumulator());
        }
        return counters;
    }

    /** Registers new counters with Spark. */
    public static FusionProgress start(SparkContext spark) {
        FusionProgress progress = new FusionProgress();
        spark.register(progress.rows, "fused rows");
        spark.register(progress.tokens, "fused tokens");
        spark.register(progress.repeated, "tokens projected for another row");
        spark.register(progress.truncated, "truncated rows");
        spark.register(progress.fingerprint);
        progress.nanos.values().forEach(spark::register);
        progress.multiplyAdds.values().forEach(spark::register);
        spark.register(progress.finishedTasks);
        latest = progress;
        return progress;
    }

    /** Makes tasks also count what a run report shows. Call it before the first task starts. */
    public void collectFigures(SparkContext spark) {
        figures = new FiguresAccumulator();
        spark.register(figures);
    }

    /** Rows that this run has fused, without bad rows and without the rows of files that an earlier run had finished. */
    public long rows() {
        return rows.value();
    }

    /** Tokens of {@link #rows()}, CLS tokens included. */
    public long tokens() {
        return tokens.value();
    }

    /** Tokens whose projection was copied, because an earlier row of the batch has the same features. */
    public long repeatedTokens() {
        return repeated.value();
    }

    /** Rows of files that an earlier run finished and that this run does not compute. */
    public long finishedRows() {
        return finishedRows;
    }

    /** Tokens of {@link #finishedRows()}. */
    public long finishedTokens() {
        return finishedTokens;
    }

    /**
     * What this run has fused so far. Includes running tasks as far as their executors have reported them ({@code
     * FusionPlugin}); without the plugin, only finished tasks count. Each partition counts once, whatever the number of its
     * attempts. Bad rows include those that an earlier run or the audit of the keys has found.
     */
    public Work now() {
        synchronized (finishedTasks) { // so that no task moves from running to finished in between
            return RunningTasks.of(id, finishedTasks::has).stream()
                    .reduce(new Work(0, 0, 0, badBefore).plus(finishedTasks.value()), Work::plus);
        }
    }

    /** The work of the run that began last in this driver, including the files that an earlier run had finished. */
    public static Work ofTheLatestRun() {
        FusionProgress run = latest;
        return run == null ? Work.NONE : run.now().plus(new Work(run.finishedRows, run.finishedTokens, 0, Map.of()));
    }

    /** The rows that this run fuses or sets aside. */
    public static long rowsOfTheLatestRun() {
        FusionProgress run = latest;
        return run == null ? 0 : run.totalRows;
    }

    /**
     * On the driver: sets the number of rows to fuse, and counts the rows that are set aside before.
     *
     * @param badKeys the rows whose key alone makes them bad, without those that tasks count
     */
    public void expectRows(long toFuse, Map<Reason, Long> badKeys) {
        totalRows = toFuse;
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        bad.putAll(badKeys);
        badBefore = bad;
    }

    /** The counter of a task's attempt. */
    public TaskCounter startTask(int partition) {
        return TaskCounter.start(id, partition);
    }

    /** On the driver: counts the rows of these finished files. */
    public void countFinished(List<Shard> finished) {
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        bad.putAll(badBefore);
        Shard.quarantined(finished)
                .forEach((reason, rows) -> bad.merge(Reason.valueOf(reason.toUpperCase(Locale.ROOT)), rows, Long::sum));
        badBefore = bad;
        finishedRows = finished.stream().mapToLong(Shard::rows).sum();
        finishedTokens = finished.stream().mapToLong(Shard::tokens).sum();
    }

    /** Multiply-adds of all matrix products, each of which is two floating-point operations. */
    public long multiplyAdds() {
        return multiplyAdds.values().stream().mapToLong(LongAccumulator::sum).sum();
    }

    /** Rows with a sequence that was cut to the number of positions that the model has. */
    public long truncated() {
        return truncated.value();
    }

    /**
     * The sum modulo 2^64 of a hash of every row that was handed out. The hash covers the row's key and its fused values. The
     * sum does not depend on the order or the partitioning of the rows. It changes if a row is missing, occurs twice or has
     * another row's vector, or if a single bit differs.
     */
    public long fingerprint() {
        return fingerprint.value();
    }

    /** What each stage has cost in the tasks that have ended, from loading the model to closing the output; in order. */
    public List<StageCost> stages() {
        return Stream.of(Stage.values())
                .map(stage -> new StageCost(
                        stage, nanos.get(stage).value(), multiplyAdds.get(stage).value()))
                .toList();
    }

    /** What the tasks that have ended counted for a run report; empty unless {@link #collectFigures} was called. */
    public Figures figures() {
        return figures == null ? new Figures() : figures.value();
    }

    /** In a task: whether a run report is asked for. */
    public boolean collectsFigures() {
        return figures != null;
    }

    /** In a task: counts the matrix products of a batch. */
    public void computed(Cost cost) {
        multiplyAdds.get(Stage.PROJECT).add(cost.projection());
        multiplyAdds.get(Stage.ATTENTION).add(cost.attention());
        multiplyAdds.get(Stage.FEED_FORWARD).add(cost.feedForward());
        multiplyAdds.get(Stage.POOL).add(cost.pooler());
    }

    /** In a task: counts the tokens of a batch that were projected for another row. */
    public void repeated(int ofBatch) {
        repeated.add(ofBatch);
    }

    /** In a task: counts a row that is handed out. */
    public void emitted(int rowTokens, boolean cut, long rowHash) {
        rows.add(1);
        tokens.add(rowTokens);
        truncated.add(cut ? 1 : 0);
        fingerprint.add(rowHash);
    }

    /** In a task: counts the time to close the output after the last row. */
    public void wrote(long duration) {
        nanos.get(Stage.WRITE).add(duration);
    }

    /** In a task: adds the figures of what it fused. */
    public void ended(Figures ofTask) {
        figures.add(ofTask);
    }

    /** In a task: adds its work, once all its rows are counted. */
    public void endTask(TaskCounter counter) {
        finishedTasks.add(counter.soFar());
    }

    /** In a task: adds the time that a thread spent on each stage. */
    public void spent(Stopwatch stopwatch) {
        for (Stage stage : Stage.values()) {
            nanos.get(stage).add(stopwatch.nanos(stage));
        }
    }
}
