package dev.braid.job;

import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import dev.braid.spark.FusionPlugin;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;

/**
 * The Spark session of a command, with the settings that spark-submit or the embedded start gave. If the JVM already has a
 * session, for example in a notebook, this class uses it, and {@link #close} leaves it running.
 */
final class Session implements AutoCloseable {
    /** The prefix of Hadoop settings in Spark's settings; spark-submit passes them as system properties. */
    private static final String HADOOP = "spark.hadoop.";

    private static final String PLUGINS = "spark.plugins";
    private static final String FUSION_PLUGIN = FusionPlugin.class.getName();

    private static final String NEXT_STEP = "; check that the cluster runs and can be reached from here";

    private final SparkSession spark;
    private final boolean own;

    private Session(SparkSession spark, boolean own) {
        this.spark = spark;
        this.own = own;
    }

    /** Starts Spark unless it is already running. Spark's own files do not go to the working directory. */
    static Session open(String command) {
        if (SparkEnv.get() != null) {
            return new Session(SparkSession.builder().getOrCreate(), false);
        }
        SparkConf conf = new SparkConf();
        conf.setIfMissing(
                "spark.sql.warehouse.dir",
                Path.of(System.getProperty("java.io.tmpdir"), "spark-warehouse")
                        .toUri()
                        .toString());
        // Otherwise Spark 4 asks the driver for every class that a task loads, even if no artifact was added.
        conf.setIfMissing("spark.sql.artifact.isolation.enabled", "false");
        // If a task runs out of heap, it fails with a message. By default Spark would end the JVM without a message.
        if (conf.get("spark.master", "").startsWith("local")) {
            conf.setIfMissing("spark.executor.killOnFatalError.depth", "0");
        }
        // Otherwise a shuffle into up to 200 partitions writes every row twice: to a file per partition, then to one
        // for all.
        conf.setIfMissing("spark.shuffle.sort.bypassMergeThreshold", "0");
        if (command.equals("fuse")) {
            // A task returns only counts, a few kilobytes, but there may be hundreds of thousands of tasks.
            conf.setIfMissing("spark.driver.maxResultSize", "0");
            conf.set(PLUGINS, withFusionPlugin(conf.get(PLUGINS, "")));
        }
        // spark-submit names an application after its main class if the user does not name it.
        if (conf.get("spark.app.name", Braid.class.getName()).equals(Braid.class.getName())) {
            conf.setAppName("braid " + command);
        }
        SparkSession spark;
        try {
            spark = SparkSession.builder().config(conf).getOrCreate();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw unstarted(conf.get("spark.master", ""), failure);
        }
        SignalMessage.silences(spark);
        return new Session(spark, true);
    }

    /** The user's plugins and {@link FusionPlugin}, which reports progress while tasks run. */
    static String withFusionPlugin(String chosen) {
        boolean there = Arrays.stream(chosen.split(",")).map(String::strip).anyMatch(FUSION_PLUGIN::equals);
        return there ? chosen : chosen.isBlank() ? FUSION_PLUGIN : chosen + "," + FUSION_PLUGIN;
    }

    /** The exception for a failed start. For a cluster, its message is one sentence that names the master. */
    static RuntimeException unstarted(String master, Exception failure) {
        if (master.startsWith("local")) {
            return failure instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(failure);
        }
        return new TransientException(
                "Cannot start Spark: expected a cluster that takes the application (master '" + master + "'), got "
                        + (isStopped(failure)
                                ? "no answer"
                                : "'" + Diagnosis.of(failure).cause() + "'") + NEXT_STEP,
                failure);
    }

    /**
     * The message for a cluster that has stopped Spark; empty for any other failure. After such a stop, the next call to
     * Spark fails because its context is stopped. A cluster that does not answer at startup is detected too, because Spark
     * then stops itself.
     */
    static Optional<String> lost(String master, Throwable failure) {
        return master.startsWith("local") || !isStopped(failure)
                ? Optional.empty()
                : Optional.of("expected a cluster that takes the application and keeps it (master '" + master
                        + "'), got one that does not answer or has ended it" + NEXT_STEP);
    }

    private static boolean isStopped(Throwable failure) {
        String message = String.valueOf(failure.getMessage());
        return message.contains("stopped SparkContext") || message.contains("LiveListenerBus is stopped");
    }

    /**
     * A session if the driver runs on the cluster, otherwise null. YARN reports a driver that starts no Spark session as
     * failed, even if its command needs none.
     */
    static Session openOnCluster(String command) {
        return "cluster".equals(System.getProperty("spark.submit.deployMode")) ? open(command) : null;
    }

    SparkSession spark() {
        return spark;
    }

    /** Stops Spark if Braid started it. */
    @Override
    public void close() {
        if (own) {
            spark.stop();
        }
    }

    /** Hadoop's settings, including those among Spark's settings, for files that are read without a Spark session. */
    static Configuration hadoop() {
        Configuration hadoop = new Configuration();
        for (String name : System.getProperties().stringPropertyNames()) {
            if (name.startsWith(HADOOP)) {
                hadoop.set(name.substring(HADOOP.length()), System.getProperty(name));
            }
        }
        return hadoop;
    }
}
