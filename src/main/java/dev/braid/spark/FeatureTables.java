package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.checkpoint.ModelConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * Parquet tables that hold the features of a model's modalities: one table for all, several that share a key, or several whose
 * rows a table of pairs refers to. Read in a Spark session of their own, whose settings fit wide columns. Driver only.
 */
public final class FeatureTables {
    /** Input bytes per task of a join. */
    private static final long TASK_BYTES = 64L << 20;
    /** Input bytes per task that counts keys. */
    private static final long AUDIT_BYTES = 256L << 20;
    /** How many changed files a message names. */
    private static final int CHANGES = 3;

    private final SparkSettings settings;
    private final TableColumns columns;
    private final List<SourceTable> sources;
    /** Of each source that has the key what {@link ColumnCheck} selected. */
    private final List<Dataset<Row>> tables;
    /** What the table of pairs, which alone has the key, refers to; null if there is none. */
    private final ReferencedTables referenced;
    /** Of all files. */
    private final long inputBytes;
    /** The keys of the table that is updated; null if there is none. */
    private final KeyCounts.Published published;

    private FeatureTables(
            SparkSettings settings,
            TableColumns columns,
            List<SourceTable> sources,
            List<Dataset<Row>> tables,
            ReferencedTables referenced,
            KeyCounts.Published published) {
        this.referenced = referenced;
        this.settings = settings;
        this.columns = columns;
        this.sources = sources;
        this.tables = tables;
        this.inputBytes = inputs().stream().mapToLong(InputFile::bytes).sum();
        this.published = published;
    }

    /**
     * The same tables, of which a published table has rows already.
     *
     * @throws InputException if the published table's key or a kept column has another type
     */
    FeatureTables into(PublishedTable table) {
        return new FeatureTables(
                settings, columns, sources, tables, referenced, table.keys(settings.session(), tables));
    }

    /**
     * Opens one table that holds every modality.
     *
     * @param path a file, a directory of part files or a pattern, on any file system that Hadoop knows; or the name of a table
     *     of the session's catalog
     * @throws InputException with all problems of the path and its columns in one message
     */
    public static FeatureTables paired(SparkSession spark, String path, TableColumns columns) {
        return open(new InputTables(spark), Map.of(path, columns.features()), columns);
    }

    /**
     * Opens a table per modality; modalities of one path are read from one table.
     *
     * @param paths a path, or a table's name, for each modality of {@code columns}, by its name
     * @throws InputException with all problems of all paths and their columns in one message
     */
    public static FeatureTables perModality(SparkSession spark, Map<String, String> paths, TableColumns columns) {
        return perModality(new InputTables(spark), paths, columns);
    }

    /** The same of tables that may be looked up already. */
    public static FeatureTables perModality(InputTables tables, Map<String, String> paths, TableColumns columns) {
        List<String> problems = new ArrayList<>();
        Map<String, List<FeatureColumn>> byPath = byPath(paths, columns, problems);
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        return open(tables, byPath, columns);
    }

    /**
     * Opens a table of pairs, and the feature tables whose rows they refer to.
     *
     * @param pairs a path, or a table's name; it has the key and the kept columns
     * @param references how the pairs name the rows of each modality's table, by the modality's name
     * @param paths a path, or a table's name, for each modality
     * @throws InputException with all problems of all paths and their columns in one message
     */
    @SuppressWarnings("try") // a description works by being open
    public static FeatureTables ofPairs(
            InputTables tables,
            String pairs,
            Map<String, Reference> references,
            Map<String, String> paths,
            TableColumns columns) {
        SparkSettings settings = SparkSettings.reading(tables.session());
        try (JobDescription opening =
                JobDescription.of(tables.session(), "open " + JobDescription.list(List.of(pairs)))) {
            ReferencedTables referenced = ReferenceCheck.open(settings, tables, pairs, references, paths, columns);
            FeatureTables opened = new FeatureTables(
                            settings, columns, referenced.sources(), List.of(referenced.pairs()), referenced, null)
                    .fitted();
            settings.shuffleInto(opened.auditTasks());
            return opened;
        }
    }

    /** The modalities whose columns hold token ids, which the model has to embed ({@code Checkpoint.withTokenIds}). */
    public Set<String> tokenIds() {
        return sources.stream()
                .flatMap(source -> source.features().stream()
                        .filter(feature -> FeatureType.of(
                                        source.field(feature.column()).dataType())
                                .filter(FeatureType::isIds)
                                .isPresent()))
                .map(feature -> feature.modality().name())
                .collect(Collectors.toSet());
    }

    private FeatureTables fitted() {
        fit(settings, sources);
        return this;
    }

    /** Fits the reader to the rows of these tables. */
    static void fit(SparkSettings settings, List<SourceTable> sources) {
        settings.fit(
                rows(sources),
                files(sources).stream().distinct().map(InputFile::bytes).toList());
    }

    private static Footers.Rows rows(List<SourceTable> sources) {
        return sources.stream().map(SourceTable::rows).reduce(Footers.Rows.NONE, Footers.Rows::and);
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

    @SuppressWarnings("try") // a description works by being open
    private static FeatureTables open(
            InputTables found, Map<String, List<FeatureColumn>> features, TableColumns columns) {
        SparkSettings settings = SparkSettings.reading(found.session());
        List<String> problems = new ArrayList<>();
        try (JobDescription opening =
                JobDescription.of(found.session(), "open " + JobDescription.list(features.keySet()))) {
            List<SourceTable> sources = sources(settings, found, features, columns, problems);
            List<Dataset<Row>> tables = new ColumnCheck(sources, columns, problems).select();
            return new FeatureTables(settings, columns, sources, tables, null, null).fitted();
        }
    }

    /** Opens the tables that can be opened, with a problem for each of the others. */
    static List<SourceTable> sources(
            SparkSettings settings,
            InputTables tables,
            Map<String, List<FeatureColumn>> features,
            TableColumns columns,
            List<String> problems) {
        List<SourceTable> sources = new ArrayList<>();
        tables.byTable(features)
                .forEach((path, own) ->
                        source(settings, tables, path, own, columns, problems).ifPresent(sources::add));
        return sources;
    }

    /** Opens a table; if it cannot be opened, there is one more problem. */
    static Optional<SourceTable> source(
            SparkSettings settings,
            InputTables tables,
            String path,
            List<FeatureColumn> features,
            TableColumns columns,
            List<String> problems) {
        try {
            return Optional.of(SourceTable.open(settings, tables, path, features, columns));
        } catch (InputException problem) {
            String message = "table '" + path + "': " + problem.getMessage();
            if (!Diagnosis.isInput(problem)) {
                throw new InputException("Cannot open feature tables:\n  " + message, problem);
            }
            problems.add(message);
            return Optional.empty();
        }
    }

    /**
     * An update needs each table's rows in the same order whenever it is read.
     *
     * @throws InputException if a snapshot of a table of the catalog is read
     */
    public void refuseSnapshots() {
        List<String> snapshots = sources.stream()
                .filter(SourceTable::isSnapshot)
                .map(source -> "'" + source.name() + "'")
                .toList();
        if (!snapshots.isEmpty()) {
            throw new InputException("Cannot update a fused table: expected tables of Parquet files, got "
                    + String.join(", ", snapshots)
                    + ", which Spark reads in another order each time; fuse it without '--update'");
        }
    }

    /**
     * Whether a table with these keys can be written under the session's settings; cheap.
     *
     * @throws InputException if not
     */
    public void refuseUnwritable() {
        ParquetCheck.refuseUnwritable(
                settings::ofParquet,
                tables.get(0).schema().apply(PairedTable.KEY).dataType());
    }

    /**
     * Looks at the keys alone: a task per 256 MiB of input, but no more than {@code spark.sql.shuffle.partitions} where the
     * user set it.
     *
     * @return the number of rows, the same in every table
     * @throws InputException if a key is null, stands twice in a table, or is missing in one
     * @throws TransientException if that is not the number in the footers: the files changed since they were opened
     */
    public long audit() {
        return audit(RowPolicy.FAIL).rows();
    }

    /**
     * The same, but keys that {@code policy} sets aside are counted.
     *
     * @throws InputException if a key is bad that the policy does not set aside, or there are more than it allows
     * @throws IllegalStateException if the files changed since they were opened
     */
    @SuppressWarnings("try") // a description works by being open
    public AuditedKeys audit(RowPolicy policy) {
        List<String> names = sources.subList(0, tables.size()).stream()
                .map(SourceTable::name)
                .toList();
        KeyCounts counts = counts(auditTasks());
        try (JobDescription auditing = describe("check the keys of")) {
            AuditedKeys found = new KeyAudit(counts, names, references(), columns.key(), policy).audit();
            if (referenced != null) {
                found = found.referring(referenced.rows(sources, auditTasks()), referenced.unreferenced(auditTasks()));
            }
            for (int t = 0; t < sources.size(); t++) {
                checkRows(sources.get(t), found.tableRows().get(t));
            }
            return found;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        }
    }

    /**
     * The files of all tables, table by table, sorted by path, as they were listed when the tables were opened. Their rows, as
     * their footers count them, are the rows of the run.
     */
    public List<InputFile> inputs() {
        return files(sources).stream().distinct().toList();
    }

    /**
     * Lists the files again, to be called right before a result is published. Files that were added meanwhile cause a warning:
     * they are not part of the result.
     *
     * @throws TransientException if a file was removed or replaced since the tables were opened
     */
    public void refuseChanged() {
        List<String> changes =
                sources.stream().flatMap(source -> source.changes().stream()).toList();
        if (!changes.isEmpty()) {
            throw new TransientException(
                    "Cannot publish the fused table: expected the input as it was when the run began, got changed files: "
                            + first(changes) + "; nothing is published; run it again",
                    null);
        }
    }

    /** The first of them, and how many more there are. */
    private static String first(List<String> changes) {
        String first = String.join(", ", changes.subList(0, Math.min(CHANGES, changes.size())));
        return changes.size() <= CHANGES ? first : first + " and " + (changes.size() - CHANGES) + " more";
    }

    static List<InputFile> files(List<SourceTable> sources) {
        return sources.stream().flatMap(source -> source.files().stream()).toList();
    }

    static int auditTasks(long inputBytes, OptionalInt shufflePartitions) {
        return (int) Math.min(shufflePartitions.orElse(Integer.MAX_VALUE), inputBytes / AUDIT_BYTES + 1);
    }

    /** Spark reads a file that was replaced by a longer one up to its old end, without a word. */
    private static void checkRows(SourceTable source, long found) {
        long expected = source.rows().rows();
        if (expected != found) {
            List<String> changes = source.changes();
            throw new TransientException(
                    "Cannot read table '" + source.name() + "': expected " + Shown.count(expected, "row")
                            + (source.isSnapshot()
                                    ? " (counted in its snapshot), got "
                                    : " (footers of its files), got ")
                            + found + "; "
                            + (changes.isEmpty() ? "" : "changed files: " + first(changes) + "; ")
                            + "nothing is published; run it again once nobody writes to it",
                    null);
        }
    }

    /**
     * Brings the modalities of each row together. Several tables are joined on the key in one shuffle; one table is left
     * in its own splits, unless {@code partitions} asks for a shuffle.
     *
     * @param partitions how many tasks will fuse; where empty, a join gets as many as {@code
     *     spark.sql.shuffle.partitions} says where the user set it, else one per 64 MiB of input and no fewer than Spark's
     *     default parallelism
     */
    public PairedTable pair(OptionalInt partitions) {
        return pairing(partitions).all();
    }

    /**
     * As {@link #pair(OptionalInt)}, without the rows whose keys are bad. Only duplicate keys and rows to be fused that lack
     * a modality cost anything: one more pass over the keys, whose result meets the features in the same partitions. Where a
     * table is updated ({@link #into}), only the rows that are not in it yet, or changed; splits without such a row are not
     * read.
     *
     * @param keys what {@link #audit(RowPolicy)} found
     */
    public PairedTable pair(OptionalInt partitions, AuditedKeys keys) {
        return published == null
                ? pairing(partitions).without(keys)
                : pairing(partitions).updating(keys);
    }

    private Pairing pairing(OptionalInt partitions) {
        int tasks = partitions.orElseGet(() -> settings.shufflePartitions().orElseGet(this::joinTasks));
        if (referenced != null) {
            return new ReferencePairing(referenced, columns, this::counts, auditTasks(), tasks);
        }
        SourceTable stored = sources.size() == 1 ? sources.get(0) : null;
        return new KeyPairing(tables, stored, columns, this::counts, auditTasks(), tasks, partitions.isPresent());
    }

    /** The keys whose rows go from the table that is updated: see {@link KeyCounts#removed}. */
    Dataset<Row> removed(AuditedKeys keys, boolean prune) {
        return counts(auditTasks()).removed(keys.incomplete(), prune);
    }

    private KeyCounts counts(int tasks) {
        return referenced == null ? KeyCounts.of(tables, published, tasks) : referenced.keyCounts(published, tasks);
    }

    /** How the pairs refer to feature tables; none where tables have the key themselves. */
    private List<ReferencedTables.Side> references() {
        return referenced == null ? List.of() : referenced.sides();
    }

    private int auditTasks() {
        return auditTasks(inputBytes, settings.shufflePartitions());
    }

    /**
     * Writes the rows of the keys that {@link #pair(OptionalInt, AuditedKeys)} leaves out into the quarantine of a run; {@link
     * AuditedKeys#setAside()} says how many. A row without a key in a single table is not among them: its task finds it.
     *
     * @return the files
     */
    @SuppressWarnings("try") // a description works by being open
    public List<Shard> quarantine(AuditedKeys keys, String directory, String runId) {
        if (keys.setAside() == 0) {
            return List.of();
        }
        DataType type = counts(1).keyType();
        try (JobDescription writing = describe("set rows aside whose keys are bad in")) {
            return FusedFiles.writeBadKeys(badKeys(keys, runId), type, directory, runId, settings.session());
        }
    }

    JavaRDD<InternalRow> badKeys(AuditedKeys keys, String runId) {
        KeyCounts counts = counts(auditTasks());
        List<String> modalities = sources.subList(0, tables.size()).stream()
                .map(source -> source.features().stream()
                        .map(feature -> feature.modality().name())
                        .collect(Collectors.joining(", ")))
                .toList();
        List<BadKeys.Referring> referring = references().stream()
                .map(side -> new BadKeys.Referring(
                        side.feature().modality().name(), side.reference().column()))
                .toList();
        BadKeys bad = new BadKeys(counts.keyType(), columns.key(), modalities, referring, runId);
        return SparkRows.internal(counts.rows().filter(counts.isSetAside(keys))).mapPartitions(bad::rows);
    }

    /**
     * How the fused table is divided by kept columns. Only these are read, and where they are of several tables the keys.
     *
     * @param by kept columns, from the outermost
     * @throws InputException if a column's type or values cannot name directories, or there are too many
     */
    @SuppressWarnings("try") // a description works by being open
    public Partitioning partitioning(List<String> by) {
        if (by.isEmpty()) {
            return Partitioning.NONE;
        }
        try (JobDescription looking = describe("list the partitions (" + String.join(", ", by) + ") of")) {
            return new PartitionValues(tables, columns, by).partitioning(auditTasks(inputBytes, OptionalInt.empty()));
        }
    }

    private JobDescription describe(String what) {
        return JobDescription.of(
                settings.session(),
                what + " "
                        + JobDescription.list(
                                sources.stream().map(SourceTable::name).toList()));
    }

    /** What a fusion of these tables takes of each task. */
    public TableLoad load(FusionConfig config, ModelConfig model) {
        // Of tables that have the key, the longest one; a table of pairs alone has it.
        long rows = sources.subList(0, tables.size()).stream()
                .mapToLong(table -> table.rows().rows())
                .max()
                .orElse(0);
        return TableLoad.of(settings, rows, rows(), sources, OutputFiles.bytes(config, model, rows, bytes()));
    }

    /** What the footers of all files say. */
    private Footers.Rows rows() {
        return rows(sources);
    }

    /** The size of what is fused: of all files or, where pairs refer to features, of these for each pair. */
    public long bytes() {
        return references().stream().mapToLong(side -> side.table().rows().largestRow()).reduce(Long::sum).stream()
                .map(row -> row * sources.get(0).rows().rows())
                .findFirst()
                .orElse(inputBytes);
    }

    private int joinTasks() {
        int parallelism = JavaSparkContext.fromSparkContext(settings.session().sparkContext())
                .defaultParallelism();
        return Math.toIntExact(Math.max(parallelism, inputBytes / TASK_BYTES + 1));
    }
}
