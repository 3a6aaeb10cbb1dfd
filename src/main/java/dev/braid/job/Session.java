package dev.braid.job;

import java.nio.file.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** The Spark session of a command, under the settings that spark-submit or the embedded start gave. */
final class Session {
    private Session() {}

    /** Starts Spark; nothing that Spark needs for itself lands in the working directory. */
    static SparkSession start(String command) {
        SparkConf conf = new SparkConf();
        conf.setIfMissing(
                "spark.sql.warehouse.dir",
                Path.of(System.getProperty("java.io.tmpdir"), "spark-warehouse")
                        .toUri()
                        .toString());
        return SparkSession.builder().config(conf).appName("braid " + command).getOrCreate();
    }
}
