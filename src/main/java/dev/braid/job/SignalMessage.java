package dev.braid.job;

import dev.braid.Numbers;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.spark.sql.SparkSession;

/**
 * Prints one line on standard error when a signal (SIGTERM, SIGINT) ends a run. The signal also stops Spark; errors that
 * follow from this are not printed.
 */
final class SignalMessage {
    /** Whether a signal is ending this JVM. */
    private static volatile boolean stopping;
    /** The end of the line: the state of the output and what to do next. */
    private static volatile Supplier<String> state = () -> "";

    private static volatile SparkSession quiet;

    private SignalMessage() {}

    /** The shutdown hook that prints the line. Remove it before a normal exit. */
    static Thread hook(Messages messages) {
        return new Thread(
                () -> {
                    stopping = true;
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

    /** Whether a signal has arrived: failures from now on may be its consequences. */
    static boolean isStopping() {
        return stopping;
    }

    /** Silences the log of this session when a signal arrives, because the signal stops Spark too. */
    static void silences(SparkSession spark) {
        quiet = spark;
    }

    /**
     * From now on, a signal ends the run before anything is published. {@code finishedRows} is called when the signal
     * arrives.
     */
    static void unpublished(LongSupplier finishedRows) {
        state = () -> {
            long rows = finishedRows.getAsLong();
            return ": nothing was published; "
                    + (rows == 0
                            ? "start the same command again"
                            : "the same command continues from the " + Numbers.count(rows, "row")
                                    + " in finished files");
        };
    }

    /** From now on, the table is being published, and a signal may interrupt this. */
    static void publishing(String path) {
        state = () -> " while the table was published: the same command completes '" + path
                + "', or says that it is complete";
    }

    /** From now on, the table is complete. */
    static void published(String path) {
        state = () -> " after the table was published: '" + path + "' is complete";
    }
}
