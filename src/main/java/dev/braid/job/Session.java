package dev.braid.job;

import dev.braid.spark.Diagnosis;
import dev.braid.spark.FusionPlugin;
import dev.braid.spark.TransientException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;

/**
 * The Spark session of a command, under the settings that spark-submit or the embedded start gave. In a JVM that has one
 * already, a notebook's or a platform's, it is that one, and {@link #close} leaves it running.
 */
final class Session implements AutoCloseable {
    /** The prefix of Hadoop's settings among Spark's, which spark-submit hands on as system properties. */
    private static final String HADOOP = "spark.hadoop.";

    private static final String PLUGINS = "spark.plugins";
    private static final String FUSION_PLUGIN = FusionPlugin.class.getName();

    private static final String NEXT_STEP = "; look whether it runs there and can be reached from here";

    private final SparkSession spark;
    private final boolean own;

    private Session(SparkSession spark, boolean own) {
        this.spark = spark;
        this.own = own;
    }

    /** Starts Spark unless it runs already; nothing that Spark needs for itself lands in the working directory. */
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
        // A task that exhausts the heap of this JVM fails with a message; otherwise Spark would end the JVM without
        // one.
        if (conf.get("spark.master", "").startsWith("local")) {
            conf.setIfMissing("spark.executor.killOnFatalError.depth", "0");
        }
        if (command.equals("fuse")) {
            // Tasks return counts and no rows, a few kilobytes each, and there may be hundreds of thousands.
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
        Stop.silences(spark);
        return new Session(spark, true);
    }

    /** The plugins that the user chose, and the one that shows a run while its tasks run. */
    static String withFusionPlugin(String chosen) {
        boolean there = Arrays.stream(chosen.split(",")).map(String::strip).anyMatch(FUSION_PLUGIN::equals);
        return there ? chosen : chosen.isBlank() ? FUSION_PLUGIN : chosen + "," + FUSION_PLUGIN;
    }

    /** What a start ends with: of a cluster, one sentence that names its master. */
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
     * What to say where a cluster has stopped Spark, which whatever comes next complains of; empty for another failure. So
     * ends, too, the start of a cluster that does not answer, as Spark stops itself while it starts.
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
     * Spark for a driver on the cluster, which YARN takes for a failed one if it starts none, even for a command that
     * needs none; elsewhere null.
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

    /** What Spark would know of file systems, for what is read before Spark starts or without it. */
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
