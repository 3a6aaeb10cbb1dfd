package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.storage.Footers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Spark settings with which Braid reads tables; {@link WriterSettings} are those for writing. Each setting has the first of
 * these values that exists:
 *
 * <ol>
 *   <li>what the user set: in the session, {@code --conf}, {@code spark-defaults.conf} or, for Hadoop's settings, in Hadoop;
 *   <li>what Braid chooses;
 *   <li>Spark's default.
 * </ol>
 *
 * <p>Tables are read in a session of their own, with every setting of the caller's. Some cannot be respected. With a
 * warning: adaptive execution, because it changes the number of tasks; a vectorized reader that cannot decode the files; pages
 * whose checksums are not verified; and a number of rows per file. With an error: leaving out files silently. Driver only.
 */
public final class SparkSettings {
    private static final Logger log = LoggerFactory.getLogger(SparkSettings.class);

    /** Small enough for the batch to stay in a processor's cache from the reader to the encoder. */
    private static final long BATCH_BYTES = 4L << 20;
    /** Rows per batch if their size is unknown. */
    private static final int FEW_ROWS = 8;

    private static final int MOST_ROWS = 4096;
    /** The fewest tasks per slot, so that all slots end at about the same time. */
    public static final int TASKS_PER_SLOT = 3;
    /** Splits per task that writes a file: with few, one task could get twice as many as another. */
    private static final int SPLITS_PER_TASK = 8;

    private static final String ADAPTIVE = "spark.sql.adaptive.enabled";
    private static final String BATCH_ROWS = "spark.sql.parquet.columnarReaderBatchSize";
    static final String MIN_PARTITIONS = "spark.sql.files.minPartitionNum";
    /** Spark makes no split smaller than this. Braid chooses at most Spark's default. */
    static final String OPEN_COST = "spark.sql.files.openCostInBytes";

    private static final long MOST_OPEN_COST = 4L << 20;
    /** Spark makes no split larger than this. */
    private static final String MAX_BYTES = "spark.sql.files.maxPartitionBytes";

    private static final String SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions";
    /** Of Parquet's; as a setting of the session it holds for tables of Delta too. */
    private static final String VERIFY_CHECKSUMS = "parquet.page.verify-checksum.enabled";

    private static final String MAX_RECORDS = "spark.sql.files.maxRecordsPerFile";

    private static final String VECTORIZED = "spark.sql.parquet.enableVectorizedReader";

    private final SparkSession session;
    /** What the user set, by key. */
    private final Map<String, String> setByUser;

    private SparkSettings(SparkSession session, Map<String, String> setByUser) {
        this.session = session;
        this.setByUser = setByUser;
    }

    /**
     * Settings for reading feature tables, in a new session on the context of {@code spark}.
     *
     * @throws InputException if Spark is set to leave out files that it cannot read
     */
    public static SparkSettings reading(SparkSession spark) {
        for (String setting : List.of("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles")) {
            if (Boolean.parseBoolean(spark.conf().get(setting, "false"))) {
                throw new InputException("Cannot read feature tables: expected '" + setting
                        + "' to be false (rows would be lost silently), got true; set it to false");
            }
        }
        Map<String, String> setByUser = all(spark);
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        ParquetCheck.refuseUnreadable(name -> setByUser.getOrDefault(name, hadoop.get(name)));
        SparkSession session = spark.newSession();
        Map<String, String> inherited = all(session);
        setByUser.forEach((key, value) -> {
            if (!value.equals(inherited.get(key))) {
                inherit(session, key, value);
            }
        });
        SparkSettings settings = new SparkSettings(session, setByUser);
        settings.choose("spark.sql.sources.partitionColumnTypeInference.enabled", "false");
        settings.choose(MIN_PARTITIONS, String.valueOf(settings.splits()));
        // Reads old dates and times as they are. Spark 3.5 refuses them by default.
        for (String kind : List.of("datetime", "int96")) {
            String key = "spark.sql.parquet." + kind + "RebaseModeInRead";
            settings.choose(key, setByUser.getOrDefault(older(key), "CORRECTED"));
        }
        // Iceberg's own reader would decode thousands of wide rows at once.
        settings.choose("spark.sql.iceberg.vectorization.enabled", "false");
        // For keys in messages: the older Java types lack ten days of 1582.
        settings.choose("spark.sql.datetime.java8API.enabled", "true");
        // Adaptive execution merges the tasks of a shuffle by bytes, but the encoder's work is not in proportion.
        settings.require(ADAPTIVE, "false", "the number of fusing tasks must hold");
        if (!setByUser.getOrDefault(MAX_RECORDS, "0").equals("0")) {
            log.warn("Setting '{}' is ignored: --output-files sets the number of files", MAX_RECORDS);
        }
        settings.require(VERIFY_CHECKSUMS, "true", "otherwise one flipped bit changes a number silently");
        return settings;
    }

    /** All settings of a session that do not have their default. */
    static Map<String, String> all(SparkSession session) {
        Map<String, String> all = new HashMap<>();
        // The list masks values that look like a password, so each value is read separately.
        for (Row setting : session.sql("SET").collectAsList()) {
            all.put(setting.getString(0), session.conf().get(setting.getString(0), setting.getString(1)));
        }
        return all;
    }

    /** The name that a setting of the Parquet reader or writer had in older versions of Spark, which still read it. */
    static String older(String key) {
        return key.replace("spark.sql.parquet.", "spark.sql.legacy.parquet.");
    }

    private static void inherit(SparkSession session, String key, String value) {
        try {
            session.conf().set(key, value);
        } catch (Exception unchangeable) { // Spark throws checked exceptions that it does not declare
            log.debug("'{}' is the same for all sessions", key, unchangeable);
        }
    }

    /** The fewest splits that a table should have. {@code OutputFiles} merges splits into tasks. */
    private int splits() {
        return SPLITS_PER_TASK
                * TASKS_PER_SLOT
                * JavaSparkContext.fromSparkContext(session.sparkContext()).defaultParallelism();
    }

    public SparkSession session() {
        return session;
    }

    /** The value of a setting of the Parquet library, which may be in Hadoop's configuration; null if it is not set. */
    public String ofParquet(String name) {
        return setByUser.getOrDefault(
                name, session.sparkContext().hadoopConfiguration().get(name));
    }

    /** What the user set. */
    Map<String, String> setByUser() {
        return setByUser;
    }

    private void choose(String key, String value) {
        if (!setByUser.containsKey(key)) {
            session.conf().set(key, value);
        }
    }

    /** Sets the number of tasks for joins of ids. Otherwise a join that needs one task would get Spark's default of 200. */
    public void shuffleInto(int tasks) {
        choose(SHUFFLE_PARTITIONS, String.valueOf(tasks));
    }

    private void require(String key, String value, String reason) {
        String set = setByUser.get(key);
        if (set != null && !set.equalsIgnoreCase(value)) {
            log.warn("Setting '{}' is {} here, not {} as it was set: {}", key, value, set, reason);
        }
        session.conf().set(key, value);
    }

    /**
     * Fits the Parquet reader to the rows. It decodes 4 MiB of the largest rows at a time, between 1 and 4096 rows. If it
     * cannot decode the files in batches, it reads row by row. Tables of a few megabytes are split too, at their row groups.
     *
     * @param files the bytes of each file
     */
    public void fit(Footers.Rows rows, List<Long> files) {
        long fitting = rows.largestRow() == 0 ? FEW_ROWS : BATCH_BYTES / rows.largestRow();
        choose(BATCH_ROWS, String.valueOf(Math.max(1, Math.min(MOST_ROWS, fitting))));
        if (rows.groups() > files.size()) {
            long splits = Math.min(splits(), rows.groups());
            choose(OPEN_COST, String.valueOf(Math.max(1, Math.min(MOST_OPEN_COST, roundedUp(sum(files), splits)))));
        }
        if (!rows.vectorized()) {
            require(VECTORIZED, "false", "it cannot decode the encoding of these files, so rows are read one by one");
        }
    }

    /**
     * Divides the largest file of a table, and all others of its size, into equal splits. Spark cuts as many splits of the
     * largest allowed size from a file as it can, and what remains is a smaller split. It reads the large ones first, so that
     * the first tasks would get up to twice as many rows as the last ones. A remainder of at most half the allowed size
     * stays: Spark puts several of these into one task.
     *
     * <p>Spark has one size for all tables: the smallest of those that divide a table evenly. A size below half of the largest
     * allowed one is ignored, so that a small table does not cut the others into tiny splits.
     *
     * @param tables the bytes of each file of each table
     */
    public void splitEvenly(List<List<Long>> tables) {
        long most = tables.stream().mapToLong(this::mostBytes).max().orElse(0);
        tables.stream()
                .filter(files -> largest(files) > mostBytes(files))
                .filter(files -> largest(files) % mostBytes(files) > mostBytes(files) / 2)
                .mapToLong(files -> roundedUp(largest(files), roundedUp(largest(files), mostBytes(files))))
                .filter(even -> even >= most / 2)
                .min()
                .ifPresent(even -> choose(MAX_BYTES, String.valueOf(even)));
    }

    /** The most bytes of a split, as Spark computes them for a table. */
    private long mostBytes(List<Long> files) {
        long openCost = bytes(OPEN_COST);
        long ofEach = (sum(files) + files.size() * openCost)
                / Long.parseLong(session.conf().get(MIN_PARTITIONS));
        return Math.max(1, Math.min(bytes(MAX_BYTES), Math.max(openCost, ofEach)));
    }

    private static long largest(List<Long> files) {
        return files.stream().mapToLong(Long::longValue).max().orElse(0);
    }

    private long bytes(String setting) {
        return new SparkConf(false).set(setting, session.conf().get(setting)).getSizeAsBytes(setting);
    }

    private static long roundedUp(long dividend, long divisor) {
        return (dividend + divisor - 1) / divisor;
    }

    private static long sum(List<Long> numbers) {
        return numbers.stream().mapToLong(Long::longValue).sum();
    }

    /** Rows that the Parquet reader decodes at once. */
    int batchRows() {
        boolean vectorized = Boolean.parseBoolean(session.conf().get(VECTORIZED));
        return vectorized ? Integer.parseInt(session.conf().get(BATCH_ROWS)) : 1;
    }

    /** The number of tasks after a shuffle, if the user set a number; Databricks' 'auto' is not a number. */
    public OptionalInt shufflePartitions() {
        String partitions = setByUser.getOrDefault(SHUFFLE_PARTITIONS, "");
        return partitions.matches("\\d{1,9}") ? OptionalInt.of(Integer.parseInt(partitions)) : OptionalInt.empty();
    }
}
