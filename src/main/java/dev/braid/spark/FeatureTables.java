package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Parquet tables that hold the features of a model's modalities: one table for all, or several that share a key. Read
 * in a Spark session of their own, whose settings fit wide columns. Driver only.
 *
 * <p>In order: open, {@link #audit}, {@link #pair}.
 */
public final class FeatureTables {
    /** Input bytes behind one task of a join. */
    private static final long TASK_BYTES = 64L << 20;
    /** Input bytes whose keys one task reads, and one counts. */
    private static final long AUDIT_BYTES = 256L << 20;
    /** Footers looked at for the size of a row. */
    private static final int SAMPLED_FILES = 8;

    private final SparkSession session;
    private final TableColumns columns;
    private final List<SourceTable> sources;
    /** Of each source what {@link ColumnCheck} selected. */
    private final List<Dataset<Row>> tables;
    /** Of all files. */
    private final long inputBytes;
    /** How many tasks count keys at most: those that the caller's session shuffles into. */
    private final int mostAuditTasks;

    private FeatureTables(
            SparkSession session, TableColumns columns, List<SourceTable> sources, List<Dataset<Row>> tables) {
        this.session = session;
        this.columns = columns;
        this.sources = sources;
        this.tables = tables;
        this.inputBytes = inputBytes();
        this.mostAuditTasks = ReadSession.shufflePartitions(session);
    }

    /**
     * Opens one table that holds every modality.
     *
     * @param path a file, a directory of part files or a pattern, on any file system that Hadoop knows
     * @throws InputException with all problems of the path and its columns in one message
     */
    public static FeatureTables paired(SparkSession spark, String path, TableColumns columns) {
        return open(spark, Map.of(path, columns.features()), columns);
    }

    /**
     * Opens a table per modality; modalities of one path are read from one table.
     *
     * @param paths a path for each modality of {@code columns}, by its name
     * @throws InputException with all problems of all paths and their columns in one message
     */
    public static FeatureTables perModality(SparkSession spark, Map<String, String> paths, TableColumns columns) {
        List<String> problems = new ArrayList<>();
        Map<String, List<FeatureColumn>> byPath = byPath(paths, columns, problems);
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        return open(spark, byPath, columns);
    }

    /** The features to read from each path, with a problem for every modality that has none, or that is none. */
    static Map<String, List<FeatureColumn>> byPath(
            Map<String, String> paths, TableColumns columns, List<String> problems) {
        List<String> names =
                columns.features().stream().map(f -> f.modality().name()).toList();
        TableColumns.unknown("table", paths, names, problems);
        Map<String, List<FeatureColumn>> byPath = new LinkedHashMap<>();
        for (FeatureColumn feature : columns.features()) {
            String path = paths.get(feature.modality().name());
            if (path == null) {
                problems.add(
                        "modality '" + feature.modality().name() + "': expected a table of its features, got none");
            } else {
                byPath.computeIfAbsent(path, p -> new ArrayList<>()).add(feature);
            }
        }
        return byPath;
    }

    private static FeatureTables open(
            SparkSession spark, Map<String, List<FeatureColumn>> features, TableColumns columns) {
        SparkSession session = ReadSession.of(spark);
        List<String> problems = new ArrayList<>();
        List<SourceTable> sources = sources(session, features, problems);
        List<Dataset<Row>> tables = new ColumnCheck(sources, columns, problems).select();
        ReadSession.batchRows(
                session, rowBytes(sources, columns, session.sparkContext().hadoopConfiguration()));
        return new FeatureTables(session, columns, sources, tables);
    }

    /** Opens the tables that can be opened, with a problem for each of the others. */
    static List<SourceTable> sources(
            SparkSession session, Map<String, List<FeatureColumn>> features, List<String> problems) {
        List<SourceTable> sources = new ArrayList<>();
        features.forEach((path, own) -> {
            try {
                sources.add(new SourceTable(path, read(session, path), own));
            } catch (InputException problem) {
                problems.add("table '" + path + "': " + problem.getMessage());
            }
        });
        return sources;
    }

    private static Dataset<Row> read(SparkSession session, String path) {
        try {
            FileStatus[] found = glob(path, session.sparkContext().hadoopConfiguration());
            if (found.length == 0) {
                throw new InputException("expected a path that exists, got none");
            }
            return session.read()
                    .option("parquet.page.verify-checksum.enabled", true)
                    .parquet(path);
        } catch (InputException problem) {
            throw problem;
        } catch (Exception failure) { // Spark and Hadoop throw checked exceptions that they do not declare
            throw new InputException("expected Parquet files, got " + SparkFailure.reason(failure), failure);
        }
    }

    /**
     * Looks at the keys alone: a task per 256 MiB of input, but no more than {@code spark.sql.shuffle.partitions} of the
     * session that the tables were opened with.
     *
     * @return the number of rows, the same in every table
     * @throws InputException if a key is null, stands twice in a table, or is missing in one
     */
    public long audit() {
        List<Dataset<Row>> keys =
                tables.stream().map(table -> table.select(PairedTable.KEY)).toList();
        List<String> names = sources.stream().map(SourceTable::name).toList();
        ReadSession.shufflePartitions(session, (int) Math.min(mostAuditTasks, inputBytes / AUDIT_BYTES + 1));
        ReadSession.splitBytes(session, AUDIT_BYTES);
        try {
            return new KeyAudit(keys, names, columns.key()).rows();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        } finally {
            ReadSession.splitBytes(session, ReadSession.SPLIT_BYTES);
        }
    }

    /**
     * Brings the modalities of each row together. Several tables are joined on the key in one shuffle; one table is left
     * in its own splits, unless {@code partitions} asks for a shuffle.
     *
     * @param partitions how many tasks will fuse; where empty, a join gets one per 64 MiB of input and no fewer than
     *     Spark's default parallelism
     */
    public PairedTable pair(OptionalInt partitions) {
        if (tables.size() == 1) {
            PairedTable stored = PairedTable.stored(sources.get(0), columns);
            return partitions.isPresent() ? stored.repartition(partitions.getAsInt()) : stored;
        }
        ReadSession.shufflePartitions(session, partitions.orElseGet(this::joinPartitions));
        return PairedTable.joined(tables, columns);
    }

    /** The size of all files. */
    public long bytes() {
        return inputBytes;
    }

    private int joinPartitions() {
        int parallelism =
                JavaSparkContext.fromSparkContext(session.sparkContext()).defaultParallelism();
        return Math.toIntExact(Math.max(parallelism, inputBytes / TASK_BYTES + 1));
    }

    private long inputBytes() {
        long bytes = 0;
        try {
            for (SourceTable source : sources) {
                for (FileStatus file : glob(source.name(), hadoop())) {
                    bytes += file.getPath()
                            .getFileSystem(hadoop())
                            .getContentSummary(file.getPath())
                            .getLength();
                }
            }
        } catch (IOException failure) {
            throw new InputException("Cannot read the size of the feature tables: " + failure.getMessage(), failure);
        }
        return bytes;
    }

    /** The size of a row in the table with the largest ones, by the first files that have rows. */
    static long rowBytes(List<SourceTable> sources, TableColumns columns, Configuration hadoop) {
        long largest = 0;
        for (SourceTable source : sources) {
            Set<String> own = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
            own.addAll(columns.keep());
            own.add(columns.key());
            for (FeatureColumn feature : source.features()) {
                own.add(feature.column());
                if (feature.selection() != null) {
                    own.add(feature.selection().column());
                }
            }
            String[] files = source.data().inputFiles();
            long bytes = 0;
            try {
                for (int f = 0; f < Math.min(SAMPLED_FILES, files.length) && bytes == 0; f++) {
                    bytes = Footers.rowBytes(new Path(URI.create(files[f])), own, hadoop);
                }
            } catch (IOException | RuntimeException failure) {
                throw source.unreadable(failure);
            }
            largest = Math.max(largest, bytes);
        }
        return largest;
    }

    private Configuration hadoop() {
        return session.sparkContext().hadoopConfiguration();
    }

    private static FileStatus[] glob(String path, Configuration hadoop) throws IOException {
        Path pattern = new Path(path);
        FileSystem files = pattern.getFileSystem(hadoop);
        FileStatus[] found = files.globStatus(pattern);
        return found == null ? new FileStatus[0] : found;
    }
}
