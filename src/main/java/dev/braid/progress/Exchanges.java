package dev.braid.progress;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.spark.SparkContext;
import org.apache.spark.executor.ShuffleWriteMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;

/** Records the shuffle output of Spark's stages, from {@link #listen} until it is closed. Driver only. */
public final class Exchanges extends SparkListener implements AutoCloseable {
    /** The property of a job that Spark keeps its description in. */
    private static final String DESCRIPTION = "spark.job.description";

    private final SparkContext spark;
    private final Map<Integer, String> steps = new HashMap<>();
    private final List<Exchange> all = new ArrayList<>();

    /**
     * The shuffle output of one stage.
     *
     * @param step the description of the job that wrote it ({@code JobDescription})
     * @param bytes as they were written, compressed
     */
    public record Exchange(String step, long rows, long bytes) {}

    private Exchanges(SparkContext spark) {
        this.spark = spark;
    }

    /** Starts to listen. */
    public static Exchanges listen(SparkContext spark) {
        Exchanges exchanges = new Exchanges(spark);
        spark.addSparkListener(exchanges);
        return exchanges;
    }

    @Override
    public synchronized void onStageSubmitted(SparkListenerStageSubmitted event) {
        Properties properties = event.properties();
        if (properties != null) {
            steps.put(event.stageInfo().stageId(), properties.getProperty(DESCRIPTION, ""));
        }
    }

    @Override
    public synchronized void onStageCompleted(SparkListenerStageCompleted event) {
        String step = steps.remove(event.stageInfo().stageId());
        ShuffleWriteMetrics written = event.stageInfo().taskMetrics().shuffleWriteMetrics();
        if (written.recordsWritten() > 0) {
            all.add(new Exchange(
                    step == null ? "" : step.replaceFirst("^Braid: ", ""),
                    written.recordsWritten(),
                    written.bytesWritten()));
        }
    }

    /** In the order in which the stages ended, as far as Spark has reported them. */
    public synchronized List<Exchange> all() {
        return List.copyOf(all);
    }

    @Override
    public void close() {
        spark.removeSparkListener(this);
    }
}
