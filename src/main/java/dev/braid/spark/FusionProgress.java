package dev.braid.spark;

import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
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
 * What a fusion has done so far, seen from the driver: it grows whenever a task ends; only {@link #now} counts running tasks
 * too. The counts are exact once the fused table has been written, as Spark counts each partition of a result stage once; a
 * table that is computed twice counts twice.
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
    /** Null unless a run report is asked for: each task's result carries what it counted. */
    private FiguresAccumulator figures;

    /** The run, as its tasks call it. */
    private final UUID id = UUID.randomUUID();
    /** What finished tasks did, so that they are not counted as running ones. */
    private final FinishedTasks finishedTasks = new FinishedTasks();

    /** The run that began last in this driver; null before the first one. */
    private static volatile FusionProgress latest;
    /** Of the driver alone, as the fields below. */
    private transient volatile long totalRows;

    private transient volatile Map<Reason, Long> badBefore = Map.of();
    private volatile long finishedRows;

    private volatile long finishedTokens;

    /** Counters that only this thread sees. */
    FusionProgress() {}

    private static Map<Stage, LongAccumulator> perStage() {
        Map<Stage, LongAccumulator> counters = new EnumMap<>(Stage.class);
        for (Stage stage : Stage.values()) {
            counters.put(stage, new LongAccumulator());
        }
        return counters;
    }

    /** Counters at zero. */
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

    /** Has tasks count what a run report shows, too. To be called before the first one. */
    public void collectFigures(SparkContext spark) {
        figures = new FiguresAccumulator();
        spark.register(figures);
    }

    /** Rows that were handed out: not those of files that were finished before, nor those that cannot be fused. */
    public long rows() {
        return rows.value();
    }

    /** Tokens of these rows: of all modalities, and CLS tokens. */
    public long tokens() {
        return tokens.value();
    }

    /** Tokens of rows with features of a row before them, which were not projected again. */
    public long repeatedTokens() {
        return repeated.value();
    }

    /** Rows of files that an earlier run finished, and this one does not compute. */
    public long finishedRows() {
        return finishedRows;
    }

    /** Tokens of these rows. */
    public long finishedTokens() {
        return finishedTokens;
    }

    /**
     * What this run has fused so far, in tasks that run too, as far as their executors have said so ({@link FusionPlugin}).
     * Without the plugin, what finished tasks did. An attempt that will not count adds nothing once its partition is
     * finished. Bad rows include those that an earlier run or the audit of the keys has found.
     */
    public Work now() {
        synchronized (finishedTasks) { // no task ends between the two
            return RunningTasks.of(id, finishedTasks::has).stream()
                    .reduce(new Work(0, 0, 0, badBefore).plus(finishedTasks.value()), Work::plus);
        }
    }

    /** The same of the run that began last in this driver, with the files that an earlier run had finished. */
    static Work ofTheLatestRun() {
        FusionProgress run = latest;
        return run == null ? Work.NONE : run.now().plus(new Work(run.finishedRows, run.finishedTokens, 0, Map.of()));
    }

    /** The rows that this run fuses or sets aside. */
    static long rowsOfTheLatestRun() {
        FusionProgress run = latest;
        return run == null ? 0 : run.totalRows;
    }

    /** On the driver: these rows are to be fused. */
    void plans(AuditedKeys keys) {
        totalRows = keys.toFuse();
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        bad.putAll(keys.bad());
        if (!keys.joins()) {
            bad.remove(Reason.NULL_KEY); // tasks meet them
        }
        badBefore = bad;
    }

    /** The counter of a task's attempt. */
    TaskCounter startTask(int partition) {
        return TaskCounter.start(id, partition);
    }

    /** On the driver: these files are finished. */
    void resumes(List<Shard> finished) {
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        bad.putAll(badBefore);
        Shard.quarantined(finished)
                .forEach((reason, rows) -> bad.merge(Reason.valueOf(reason.toUpperCase(Locale.ROOT)), rows, Long::sum));
        badBefore = bad;
        finishedRows = finished.stream().mapToLong(Shard::rows).sum();
        finishedTokens = finished.stream().mapToLong(Shard::tokens).sum();
    }

    /** Multiply-adds of all matrix products; twice as many floating-point operations. */
    public long multiplyAdds() {
        return multiplyAdds.values().stream().mapToLong(LongAccumulator::sum).sum();
    }

    /** Rows of which a sequence was cut to the positions that the model has. */
    public long truncated() {
        return truncated.value();
    }

    /**
     * The sum modulo 2^64 of a hash of every row that was handed out: of its key and of every number beside its kept
     * columns. It depends on no order and no partitioning, and differs where a row is missing, stands twice, has another's
     * vector, or one bit is another.
     */
    public long fingerprint() {
        return fingerprint.value();
    }

    /** What each stage has cost in the tasks that have ended, from getting the model to closing the output; in order. */
    public List<StageCost> stages() {
        return Stream.of(Stage.values())
                .map(stage -> new StageCost(
                        stage, nanos.get(stage).value(), multiplyAdds.get(stage).value()))
                .toList();
    }

    /** What the tasks that have ended counted for a run report; empty unless {@link #collectFigures} asked for it. */
    public Figures figures() {
        return figures == null ? new Figures() : figures.value();
    }

    /** In a task: whether a run report is asked for. */
    boolean collectsFigures() {
        return figures != null;
    }

    /** In a task: matrix products have been computed. */
    void computed(Stage stage, long products) {
        multiplyAdds.get(stage).add(products);
    }

    /** In a task: so many tokens of a batch were projected for another row too. */
    void repeated(int ofBatch) {
        repeated.add(ofBatch);
    }

    /** In a task: a row is handed out. */
    void emitted(int rowTokens, boolean cut, long rowHash) {
        rows.add(1);
        tokens.add(rowTokens);
        truncated.add(cut ? 1 : 0);
        fingerprint.add(rowHash);
    }

    /** In a task: its output was closed after the last row. */
    void wrote(long duration) {
        nanos.get(Stage.WRITE).add(duration);
    }

    /** In a task: this is what it fused. */
    void ended(Figures ofTask) {
        figures.add(ofTask);
    }

    /** In a task: all its rows are counted. */
    void endTask(TaskCounter counter) {
        finishedTasks.add(counter.soFar());
    }

    /** In a task: the time of a thread went here. */
    void spent(Stopwatch stopwatch) {
        for (Stage stage : Stage.values()) {
            nanos.get(stage).add(stopwatch.nanos(stage));
        }
    }
}
