package dev.braid.job;

import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.spark.sql.SparkSession;

/**
 * What a run says when a signal (SIGTERM, SIGINT) ends it: one line on standard error. Spark, which the same signal stops,
 * and whatever fails because of that say nothing any more.
 */
final class Stop {
    /** Whether a signal ends this JVM. */
    private static volatile boolean requested;
    /** What became of the output, and what to do next; how the line ends. */
    private static volatile Supplier<String> state = () -> "";

    private static volatile SparkSession quiet;

    private Stop() {}

    /** As a shutdown hook, to be removed before an exit that no signal asked for. */
    static Thread hook(Messages messages) {
        return new Thread(
                () -> {
                    requested = true;
                    SparkSession spark = quiet;
                    if (spark != null) {
                        spark.sparkContext().setLogLevel("OFF");
                    }
                    messages.error(line());
                },
                "stopped by a signal");
    }

    static String line() {
        return SafeText.message("Stopped by a signal" + state.get());
    }

    /** Whether what fails now fails because of the signal. */
    static boolean requested() {
        return requested;
    }

    /** A session that the signal stops too, and whose log is of no use then. */
    static void silences(SparkSession spark) {
        quiet = spark;
    }

    /** From here on a signal ends the run before anything is published; {@code finishedRows} is asked when it comes. */
    static void unpublished(LongSupplier finishedRows) {
        state = () -> {
            long rows = finishedRows.getAsLong();
            return ": nothing was published; "
                    + (rows == 0
                            ? "start the same command again"
                            : "the same command goes on from the " + RunReport.rows(rows) + " in finished files");
        };
    }

    /** From here on the table moves to its place, which a signal may cut short. */
    static void publishing(String path) {
        state = () -> " while the table was published: the same command completes '" + path
                + "', or says that it is complete";
    }

    /** From here on the table is complete. */
    static void published(String path) {
        state = () -> " after the table was published: '" + path + "' is complete";
    }
}
