package dev.braid.progress;

import static org.assertj.core.api.Assertions.assertThat;

import com.codahale.metrics.MetricRegistry;
import dev.braid.decode.Reason;
import dev.braid.spark.FusionPlugin;
import dev.braid.spark.SharedSpark;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SharedSpark.class)
class LiveProgressTest {
    /** Holds the tasks of a job in this JVM; how many rows each has fused then. */
    private static final List<CountDownLatch> HOLDS = List.of(new CountDownLatch(1), new CountDownLatch(1));

    private static void await(BooleanSupplier state) throws InterruptedException {
        for (Instant end = Instant.now().plus(Duration.ofMinutes(2)); !state.getAsBoolean(); Thread.sleep(10)) {
            assertThat(Instant.now()).isBefore(end);
        }
    }

    private static Work work(long rows) {
        return new Work(rows, 10 * rows, 100 * rows, Map.of(Reason.WRONG_WIDTH, 1L));
    }

    @Test
    void rowsGrowWhileTasksRunAndAreExactWhenTheyHaveEnded(SparkSession session) throws Exception {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        FusionProgress progress = FusionProgress.start(session.sparkContext());
        JavaFutureAction<Void> job = spark.parallelize(List.of(3, 4), 2).foreachPartitionAsync(rows -> {
            int partition = TaskContext.getPartitionId();
            try (TaskCounter counter = progress.startTask(partition)) {
                for (int row = rows.next(); row > 0; row--) {
                    counter.emitted(10);
                }
                HOLDS.get(partition).await();
                counter.emitted(10);
                progress.endTask(counter);
            }
        });

        await(() -> progress.now().rows() == 7 && progress.now().tokens() == 70);
        HOLDS.get(0).countDown();
        await(() -> progress.now().rows() == 8);
        HOLDS.get(1).countDown();
        job.get();
        assertThat(progress.now().rows()).isEqualTo(9);
        assertThat(FusionProgress.ofTheLatestRun().tokens()).isEqualTo(90);
    }

    @Test
    void ofTheAttemptsAtAPartitionTheFurthestCountsUntilOneHasEnded() {
        UUID run = UUID.randomUUID();
        RunningTasks.heard(new RunningTasks.Report(
                "1", List.of(new TaskWork(run, 0, work(5)), new TaskWork(UUID.randomUUID(), 0, work(99))), 1000));
        RunningTasks.heard(new RunningTasks.Report(
                "2", List.of(new TaskWork(run, 0, work(3)), new TaskWork(run, 1, work(2))), 24));

        assertThat(RunningTasks.of(run, partition -> false)).containsExactlyInAnyOrder(work(5), work(2));
        assertThat(RunningTasks.of(run, partition -> partition == 0)).containsExactly(work(2));
        assertThat(RunningTasks.nativeBytes()).isGreaterThanOrEqualTo(1024);
        RunningTasks.heard(new RunningTasks.Report("1", List.of(), 0));
        RunningTasks.heard(new RunningTasks.Report("2", List.of(), 0));
        assertThat(RunningTasks.of(run, partition -> false)).isEmpty();
    }

    @Test
    void aJvmCountsAttemptsThatHaveEndedOnce() {
        Work before = TaskCounter.ofThisJvm();
        TaskCounter counter = TaskCounter.start(null, 0);
        counter.emitted(7);
        counter.computed(70);
        counter.rejected(Reason.TOO_LONG);
        Work running = TaskCounter.ofThisJvm();
        counter.close();
        counter.close();

        assertThat(running.tokens() - before.tokens()).isEqualTo(7);
        assertThat(running.multiplyAdds() - before.multiplyAdds()).isEqualTo(70);
        assertThat(TaskCounter.ofThisJvm()).isEqualTo(running);
        assertThat(running.badRows().get(Reason.TOO_LONG))
                .isEqualTo(before.badRows().getOrDefault(Reason.TOO_LONG, 0L) + 1);
        assertThat(TaskCounter.running()).doesNotContain(counter.soFar());
    }

    @Test
    void finishedTasksAreAddedUpAndTheirPartitionsKnown() {
        FinishedTasks ofDriver = new FinishedTasks();
        assertThat(ofDriver.isZero()).isTrue();
        for (int partition : new int[] {3, 100_000}) {
            FinishedTasks ofTask = new FinishedTasks();
            ofTask.add(new TaskWork(null, partition, work(partition)));
            ofDriver.merge(ofTask);
        }
        ofDriver.merge(new FinishedTasks());

        assertThat(ofDriver.value()).isEqualTo(work(3).plus(work(100_000)));
        assertThat(ofDriver.has(3)).isTrue();
        assertThat(ofDriver.has(4)).isFalse();
        assertThat(ofDriver.isZero()).isFalse();
    }

    @Test
    void aCounterOfNoRunIsNotSent() {
        try (TaskCounter counter = TaskCounter.start(null, 5)) {
            assertThat(TaskCounter.running()).doesNotContain(counter.soFar());
        }
    }

    @Test
    void theMetricsHaveTheseNames() {
        MetricRegistry metrics = new MetricRegistry();
        PluginContext context = (PluginContext) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {PluginContext.class},
                (proxy, method, arguments) -> method.getName().equals("metricRegistry") ? metrics : null);
        new FusionPlugin().driverPlugin().registerMetrics("app", context);

        assertThat(metrics.getGauges().keySet())
                .contains("run.rows", "run.tokens", "run.gflop", "run.totalRows", "run.nativeBytes")
                .contains("run.badRows.wrong_width", "run.badRows.duplicate_key")
                .hasSize(5 + Reason.values().length);
        assertThat(metrics.getGauges().values())
                .allSatisfy(gauge -> assertThat(gauge.getValue()).isInstanceOf(Number.class));
    }
}
