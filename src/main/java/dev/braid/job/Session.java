package dev.braid.job;

import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** The Spark session of a command, under the settings that spark-submit or the embedded start gave. */
final class Session {
    /** What stands before a setting of Hadoop among Spark's, which spark-submit hands on as system properties. */
    private static final String HADOOP = "spark.hadoop.";

    private Session() {}

    /** Starts Spark; nothing that Spark needs for itself lands in the working directory. */
    static SparkSession start(String command) {
        SparkConf conf = new SparkConf();
        conf.setIfMissing(
                "spark.sql.warehouse.dir",
                Path.of(System.getProperty("java.io.tmpdir"), "spark-warehouse")
                        .toUri()
                        .toString());
        // Else every class that a task looks up is asked for at the driver first, whether a session added any or not.
        conf.setIfMissing("spark.sql.artifact.isolation.enabled", "false");
        return SparkSession.builder().config(conf).appName("braid " + command).getOrCreate();
    }

    /** What Spark would know of file systems, for commands that do not start it. */
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
