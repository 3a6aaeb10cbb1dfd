package dev.braid.job;

import java.io.PrintWriter;
import org.apache.spark.sql.SparkSession;

/**
 * What a run says when a signal (SIGTERM, SIGINT) ends it: one line on standard error. Spark, which the same signal stops,
 * and whatever fails because of that say nothing any more.
 */
final class Stop {
    /** Whether a signal ends this JVM. */
    private static volatile boolean requested;
    /** What became of the output, and what to do next; how the line ends. */
    private static volatile String state = "";

    private static volatile SparkSession quiet;

    private Stop() {}

    /** As a shutdown hook, to be removed before an exit that no signal asked for. */
    static Thread hook(PrintWriter error) {
        return new Thread(
                () -> {
                    requested = true;
                    SparkSession spark = quiet;
                    if (spark != null) {
                        spark.sparkContext().setLogLevel("OFF");
                    }
                    error.println("Stopped by a signal" + state);
                },
                "stopped by a signal");
    }

    /** Whether what fails now fails because of the signal. */
    static boolean requested() {
        return requested;
    }

    /** A session that the signal stops too, and whose log is of no use then. */
    static void silences(SparkSession spark) {
        quiet = spark;
    }

    /** From here on a signal ends the run before anything is published. */
    static void unpublished() {
        state = ": nothing was published; the same command goes on from the files that are finished";
    }

    /** From here on the table is complete. */
    static void published(String path) {
        state = " after the table was published: '" + path + "' is complete";
    }
}
