package dev.braid.spark;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import dev.braid.decode.Reason;
import dev.braid.progress.FusionProgress;
import dev.braid.progress.RunningTasks;
import dev.braid.progress.TaskCounter;
import dev.braid.progress.Work;
import dev.braid.task.ExecutorModel;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows the progress of running tasks. Every second executors tell the driver what they have done. The driver and the
 * executors each add a source to Spark's metrics system. {@code spark.plugins} names this class; {@code braid fuse} adds it
 * itself if it starts Spark. Without the plugin everything works, but progress grows only when tasks end.
 *
 * <p>The driver's metrics, {@code run.*}, are those of the run that began last, and equal its report at the end. The
 * executors' metrics, {@code executor.*}, are what each JVM has computed, including attempts that failed.
 */
public final class FusionPlugin implements SparkPlugin {
    /** How often an executor reports to the driver. */
    private static final long SECONDS = 1;

    private static final Logger log = LoggerFactory.getLogger(FusionPlugin.class);

    @Override
    public DriverPlugin driverPlugin() {
        return new Driver();
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new Executor();
    }

    private static final class Driver implements DriverPlugin {
        @Override
        public Map<String, String> init(SparkContext spark, PluginContext context) {
            return Map.of();
        }

        @Override
        public void registerMetrics(String application, PluginContext context) {
            MetricRegistry metrics = context.metricRegistry();
            register(metrics, "run", FusionProgress::ofTheLatestRun);
            metrics.register("run.totalRows", (Gauge<Long>) FusionProgress::rowsOfTheLatestRun);
            metrics.register("run.nativeBytes", (Gauge<Long>) RunningTasks::nativeBytes);
        }

        @Override
        public Object receive(Object message) {
            RunningTasks.heard((RunningTasks.Report) message);
            return null;
        }
    }

    private static void register(MetricRegistry metrics, String of, Supplier<Work> work) {
        Map<String, Function<Work, Number>> figures =
                Map.of("rows", Work::rows, "tokens", Work::tokens, "gflop", done -> 2e-9 * done.multiplyAdds());
        figures.forEach(
                (name, figure) -> metrics.register(of + "." + name, (Gauge<Number>) () -> figure.apply(work.get())));
        for (Reason reason : Reason.values()) {
            metrics.register(of + ".badRows." + reason.reasonName(), (Gauge<Long>)
                    () -> work.get().badRows().getOrDefault(reason, 0L));
        }
    }

    private static final class Executor implements ExecutorPlugin {
        private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "braid progress");
            thread.setDaemon(true);
            return thread;
        });
        private PluginContext context;
        private boolean silent = true;

        @Override
        public void init(PluginContext given, Map<String, String> settings) {
            context = given;
            MetricRegistry metrics = given.metricRegistry();
            register(metrics, "executor", TaskCounter::ofThisJvm);
            metrics.register("executor.nativeBytes", (Gauge<Long>) ExecutorModel::nativeBytes);
            var unused = clock.scheduleAtFixedRate(this::report, SECONDS, SECONDS, TimeUnit.SECONDS);
        }

        /** After one empty report, an executor sends nothing until it has something to report. */
        private void report() {
            try {
                RunningTasks.Report report = new RunningTasks.Report(
                        context.executorID(), TaskCounter.running(), ExecutorModel.nativeBytes());
                if (!(silent && report.isEmpty())) {
                    context.send(report);
                }
                silent = report.isEmpty();
            } catch (Exception unsent) { // the driver or Spark is ending; the run does not depend on it
                log.debug("The driver was not told of this executor's progress", unsent);
            }
        }

        @Override
        public void shutdown() {
            clock.shutdownNow();
        }
    }
}
