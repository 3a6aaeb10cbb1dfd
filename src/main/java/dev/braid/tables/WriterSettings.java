package dev.braid.tables;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * The Spark and Parquet settings with which a run writes its files: what the user set, or what Braid chooses, or Spark's default.
 * {@link SparkSettings} are those for reading. Driver only.
 */
public final class WriterSettings {
    static final String TIMESTAMP_TYPE = "spark.sql.parquet.outputTimestampType";

    private static final long ROW_GROUP_BYTES = 64L << 20;

    private static final String CODEC = "spark.sql.parquet.compression.codec";
    private static final String ROW_GROUP = "parquet.block.size";
    private static final String ZSTD_LEVEL = "parquet.compression.codec.zstd.level";

    /** Settings that Spark's Parquet writer expects to find. */
    private static final List<String> WRITER = List.of(
            "spark.sql.parquet.writeLegacyFormat",
            "spark.sql.parquet.fieldId.write.enabled",
            "spark.sql.parquet.variant.annotateLogicalType.enabled");

    private static final List<String> REBASE_IN_WRITE =
            List.of("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite");

    /** Settings that decide how files are split. */
    private static final List<String> SPLITTING = List.of(
            "spark.sql.files.maxPartitionBytes",
            SparkSettings.OPEN_COST,
            SparkSettings.MIN_PARTITIONS,
            "spark.sql.files.maxPartitionNum");

    /** Settings of the Parquet writer that must not be in a digest; they do not change files. */
    private static final Set<String> SECRETS = Set.of("encryption.key.list", "encryption.key.access.token");

    private WriterSettings() {}

    /** Hadoop's configuration with the session's settings, complete for the Parquet writer. */
    public static Configuration of(SparkSession session) {
        Configuration hadoop = new Configuration(session.sparkContext().hadoopConfiguration());
        SparkSettings.all(session).forEach(hadoop::set);
        hadoop.setIfUnset(CODEC, "zstd");
        // Fused numbers hardly compress; higher levels only take longer.
        hadoop.setIfUnset(ZSTD_LEVEL, "1");
        hadoop.setIfUnset(ROW_GROUP, String.valueOf(ROW_GROUP_BYTES));
        // Writes old dates and times as they are.
        for (String key : REBASE_IN_WRITE) {
            hadoop.setIfUnset(key, hadoop.get(SparkSettings.older(key), "CORRECTED"));
        }
        // Spark's default, INT96, is deprecated, and other readers take it for nanoseconds, which overflow before 1677.
        hadoop.setIfUnset(TIMESTAMP_TYPE, "TIMESTAMP_MICROS");
        for (String key : WRITER) {
            hadoop.setIfUnset(key, setting(session, key));
        }
        return hadoop;
    }

    /** The session's value, or Spark's default; "false" if this Spark does not know the setting. */
    private static String setting(SparkSession session, String key) {
        try {
            return session.conf().get(key);
        } catch (NoSuchElementException unknown) {
            return "false";
        }
    }

    /** A Spark job to run. */
    public interface Job {
        /** Runs the job and waits for its end. */
        void run() throws ExecutionException, InterruptedException;
    }

    /** Runs a job with these settings as local properties, where Spark's tasks look for them. */
    public static void run(JavaSparkContext spark, Configuration writing, Job job) {
        Map<String, String> before = new HashMap<>();
        writing.getPropsWithPrefix("spark.sql.").forEach((rest, value) -> {
            String key = "spark.sql." + rest;
            before.put(key, spark.getLocalProperty(key));
            spark.setLocalProperty(key, value);
        });
        try {
            job.run();
        } catch (ExecutionException failed) {
            throw new IllegalStateException(failed.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } finally {
            before.forEach(spark::setLocalProperty);
        }
    }

    /**
     * Digest of how Spark splits an input into partitions, and of how files are written (compression, encryption).
     *
     * @param writing what {@link #of} gives for the session
     * @param division the number of partitions, and what else decides which rows each has
     * @param run the run that the files belong to
     */
    public static String planDigest(SparkSession session, Configuration writing, String division, String run) {
        StringBuilder text = new StringBuilder(run)
                .append(' ')
                .append(session.version())
                .append(' ')
                .append(division)
                .append(' ')
                .append(session.sparkContext().defaultParallelism());
        for (String key : SPLITTING) {
            text.append(' ').append(setting(session, key));
        }
        text.append(' ').append(writing.get(CODEC));
        Map<String, String> parquet = new TreeMap<>(writing.getPropsWithPrefix("parquet."));
        parquet.keySet().removeAll(SECRETS);
        text.append(' ').append(parquet);
        return UUID.nameUUIDFromBytes(text.toString().getBytes(StandardCharsets.UTF_8))
                .toString();
    }

    /** The compression codec of a Parquet writer with these settings. */
    public static CompressionCodecName codec(Configuration writing) {
        String codec = writing.get(CODEC).toUpperCase(Locale.ROOT);
        return switch (codec) {
            case "NONE" -> CompressionCodecName.UNCOMPRESSED;
            case "LZ4RAW" -> CompressionCodecName.LZ4_RAW;
            default -> CompressionCodecName.valueOf(codec);
        };
    }
}
