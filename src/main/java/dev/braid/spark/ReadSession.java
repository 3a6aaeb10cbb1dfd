package dev.braid.spark;

import dev.braid.InputException;
import java.util.List;
import org.apache.spark.sql.SparkSession;

/** The settings under which wide feature columns are read and paired, in a session of their own. */
final class ReadSession {
    /** Little enough to stay in a processor's cache from the reader to the encoder. */
    private static final long BATCH_BYTES = 4L << 20;

    /** Bytes of files behind one task that reads features: half a second's work or so. */
    static final long SPLIT_BYTES = 32L << 20;

    private static final String SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions";
    /** Settings that a caller may have changed on the session alone, and that are to hold for the tables. */
    private static final List<String> INHERITED =
            List.of("spark.sql.caseSensitive", "spark.sql.session.timeZone", SHUFFLE_PARTITIONS);

    private ReadSession() {}

    /**
     * A session beside {@code spark}, on the same context.
     *
     * @throws InputException if Spark is set to leave out files that it cannot read
     */
    static SparkSession of(SparkSession spark) {
        for (String setting : List.of("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles")) {
            if (Boolean.parseBoolean(spark.conf().get(setting, "false"))) {
                throw new InputException("Cannot read feature tables: expected '" + setting
                        + "' to be false (rows would be lost silently), got true; set it to false");
            }
        }
        SparkSession session = spark.newSession();
        for (String setting : INHERITED) {
            session.conf().set(setting, spark.conf().get(setting));
        }
        // Dates travel as a type that has every day, and old ones are written as they are, which 3.5 refuses unasked.
        for (String kind : List.of("datetime", "int96")) {
            session.conf().set("spark.sql.parquet." + kind + "RebaseModeInWrite", "CORRECTED");
        }
        session.conf().set("spark.sql.datetime.java8API.enabled", true);
        // A shuffle keeps the number of tasks it was given: adaptive execution would merge them by size, and the
        // encoder's work is not the bytes of its input.
        session.conf().set("spark.sql.adaptive.enabled", false);
        splitBytes(session, SPLIT_BYTES);
        return session;
    }

    /** Sets how many rows the Parquet reader holds at a time: 4 MiB of them, between 1 and 4096. */
    static void batchRows(SparkSession session, long rowBytes) {
        long rows = Math.max(1, Math.min(4096, BATCH_BYTES / Math.max(1, rowBytes)));
        session.conf().set("spark.sql.parquet.columnarReaderBatchSize", rows);
    }

    /** Sets how many bytes of files one task reads. */
    static void splitBytes(SparkSession session, long bytes) {
        session.conf().set("spark.sql.files.maxPartitionBytes", bytes);
    }

    /** The number of tasks behind every shuffle of the session; as many as one likes where it says no number, as 'auto' does. */
    static int shufflePartitions(SparkSession session) {
        String partitions = session.conf().get(SHUFFLE_PARTITIONS);
        return partitions.matches("\\d{1,9}") ? Integer.parseInt(partitions) : Integer.MAX_VALUE;
    }

    /** Sets the number of tasks behind every shuffle of the session. */
    static void shufflePartitions(SparkSession session, int partitions) {
        session.conf().set(SHUFFLE_PARTITIONS, partitions);
    }
}
