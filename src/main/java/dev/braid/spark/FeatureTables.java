package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.RowPolicy;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.publish.InputFile;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.tables.JobDescription;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.ParquetCheck;
import dev.braid.tables.SourceTable;
import dev.braid.tables.SourceTables;
import dev.braid.tables.SparkSettings;
import dev.braid.tables.TableLoad;
import dev.braid.task.FusedFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
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
    private final SparkSettings settings;
    private final TableColumns columns;
    private final SourceTables sources;
    /** The columns that {@link ColumnCheck} selected from each table that has the key. */
    private final List<Dataset<Row>> tables;
    /** The table of pairs, which alone has the key, and the tables that it refers to; null without pairs. */
    private final ReferencedTables referenced;
    /** The keys of the table that is updated; null if there is none. */
    private final KeyCounts.Published published;

    private FeatureTables(
            SparkSettings settings,
            TableColumns columns,
            SourceTables sources,
            List<Dataset<Row>> tables,
            ReferencedTables referenced,
            KeyCounts.Published published) {
        this.referenced = referenced;
        this.settings = settings;
        this.columns = columns;
        this.sources = sources;
        this.tables = tables;
        this.published = published;
    }

    /**
     * The same tables, read to update a published table, which already has some of their rows.
     *
     * @param keys gives the published table's keys, by the session to read them with and the columns of each table here
     */
    public FeatureTables into(BiFunction<SparkSession, List<Dataset<Row>>, KeyCounts.Published> keys) {
        return new FeatureTables(
                settings, columns, sources, tables, referenced, keys.apply(settings.session(), tables));
    }

    /**
     * Opens the tables of all modalities. Modalities with the same path are read from one table.
     *
     * @param paths the table of each modality of {@code columns}, by the modality's name: a file, a directory of part files or a
     *     pattern, on any file system that Hadoop knows; or the name of a table of the session's catalog
     * @throws InputException with all problems of all paths and their columns in one message
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    public static FeatureTables perModality(InputTables tables, Map<String, String> paths, TableColumns columns) {
        List<String> problems = new ArrayList<>();
        Map<String, List<FeatureColumn>> byPath = SourceTables.byPath(paths, columns.features(), problems);
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        SparkSettings settings = SparkSettings.reading(tables.session());
        try (JobDescription opening =
                JobDescription.of(tables.session(), "open " + JobDescription.list(byPath.keySet()))) {
            SourceTables sources = SourceTables.open(settings, tables, byPath, columns.carried(), problems);
            List<Dataset<Row>> selected = new ColumnCheck(sources.all(), columns, problems).select();
            sources.fit(settings);
            return new FeatureTables(settings, columns, sources, selected, null, null);
        }
    }

    /**
     * Opens a table of pairs, and the feature tables whose rows they refer to.
     *
     * @param pairs a path, or a table's name; it has the key and the kept columns
     * @param references how the pairs name the rows of each modality's table, by the modality's name
     * @param paths a path, or a table's name, for each modality
     * @throws InputException with all problems of all paths and their columns in one message
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
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
            SourceTables sources = referenced.sources();
            sources.fit(settings);
            settings.shuffleInto(sources.auditTasks(settings.shufflePartitions()));
            return new FeatureTables(settings, columns, sources, List.of(referenced.pairs()), referenced, null);
        }
    }

    /** The modalities whose columns hold token ids, which the model has to embed ({@code Checkpoint.withTokenIds}). */
    public Set<String> tokenIds() {
        return sources.tokenIds();
    }

    /** The files of all tables as they were listed when the tables were opened: table by table, sorted by path. */
    public List<InputFile> inputs() {
        return sources.files();
    }

    /** Refuses snapshots of the catalog's tables: an update needs a table's rows in the same order at each reading. */
    public void refuseSnapshots() {
        sources.refuseSnapshots();
    }

    /**
     * Lists the files again. Call it right before a result is published. Files that were added meanwhile cause a warning: they
     * are not part of the result.
     *
     * @throws TransientException if a file was removed or replaced since the tables were opened
     */
    public void refuseChanged() {
        sources.refuseChanged();
    }

    /** Refuses settings of the session with which a table with these keys cannot be written. Cheap. */
    public void refuseUnwritable() {
        ParquetCheck.refuseUnwritable(settings::ofParquet, keyType());
    }

    private DataType keyType() {
        return tables.get(0).schema().apply(PairedColumns.KEY).dataType();
    }

    /**
     * Reads the keys alone and checks them: in a task per 250,000 rows, but no more than {@code
     * spark.sql.shuffle.partitions} if the user set it. Counts the keys that {@code policy} sets aside.
     *
     * @throws InputException if a key is bad (null, twice in a table or missing in one) and the policy does not set it aside, or
     *     there are more bad keys than it allows
     * @throws TransientException if the number of rows differs from the footers: the files have changed since they were opened
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    public AuditedKeys audit(RowPolicy policy) {
        List<String> names = keyed().map(SourceTable::name).toList();
        KeyCounts counts = counts(auditTasks());
        try (JobDescription auditing = describe("check the keys of")) {
            AuditedKeys found = new KeyAudit(counts, names, references(), columns.key(), policy).audit();
            if (referenced != null) {
                found = found.referring(
                        referenced.rows(sources.all(), auditTasks()), referenced.unreferenced(auditTasks()));
            }
            sources.checkRows(found.tableRows());
            return found;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        }
    }

    /**
     * Brings the modalities of each row together. Several tables are joined on the key in one shuffle; one table is left
     * in its own splits, unless {@code partitions} asks for a shuffle.
     *
     * @param partitions the number of tasks that fuse. If empty: for a single table, the number of its splits; for a join,
     *     {@code spark.sql.shuffle.partitions} if the user set it, otherwise one per 64 MiB of input, but at least Spark's
     *     default parallelism
     */
    public PairedTable pair(OptionalInt partitions) {
        return pairing(partitions).all();
    }

    /**
     * Like {@link #pair(OptionalInt)}, but without two kinds of rows: rows whose keys are bad and, in an update ({@link
     * #into}), rows that the published table already has. A split without a row to fuse is not read. Needs one more pass over
     * the keys if there are duplicate keys, or rows to be fused that lack a modality.
     *
     * @param keys what {@link #audit(RowPolicy)} found
     */
    public PairedTable pair(OptionalInt partitions, AuditedKeys keys) {
        return published == null
                ? pairing(partitions).without(keys)
                : pairing(partitions).updating(keys);
    }

    private Pairing pairing(OptionalInt partitions) {
        int tasks = partitions.orElseGet(
                () -> settings.shufflePartitions().orElseGet(() -> sources.joinTasks(settings.session())));
        if (referenced != null) {
            return new ReferencePairing(referenced, columns, this::counts, auditTasks(), tasks);
        }
        SourceTable stored = sources.all().size() == 1 ? sources.all().get(0) : null;
        return new KeyPairing(tables, stored, columns, this::counts, auditTasks(), tasks, partitions.isPresent());
    }

    /** The keys whose rows the update removes: see {@link KeyCounts#removed}. */
    public Dataset<Row> removed(AuditedKeys keys, boolean prune) {
        return counts(auditTasks()).removed(keys.incomplete(), prune);
    }

    private KeyCounts counts(int tasks) {
        return referenced == null ? KeyCounts.of(tables, published, tasks) : referenced.keyCounts(published, tasks);
    }

    /** How the pairs refer to feature tables; empty if the feature tables have the key themselves. */
    private List<ReferencedModality> references() {
        return referenced == null ? List.of() : referenced.modalities();
    }

    private int auditTasks() {
        return sources.auditTasks(settings.shufflePartitions());
    }

    /**
     * Writes the rows of bad keys, which {@link #pair(OptionalInt, AuditedKeys)} leaves out, into the quarantine of a run.
     * {@link AuditedKeys#setAside()} says how many they are. With a single table, rows without a key are not among them: the
     * fusing tasks set them aside.
     *
     * @return the files
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    public List<Shard> quarantine(AuditedKeys keys, String directory, String runId) {
        if (keys.setAside() == 0) {
            return List.of();
        }
        try (JobDescription writing = describe("set rows aside whose keys are bad in")) {
            return FusedFiles.writeBadKeys(badKeys(keys, runId), keyType(), directory, runId, settings.session());
        }
    }

    JavaRDD<InternalRow> badKeys(AuditedKeys keys, String runId) {
        return BadKeys.of(counts(auditTasks()), keys, columns.key(), keyed().toList(), references(), runId);
    }

    /**
     * How kept columns divide the fused table into partitions. Reads only these columns and, if they are in several tables, the
     * keys.
     *
     * @param by kept columns, from the outermost
     * @throws InputException if a column's type or values cannot name directories, or there are too many
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    public Partitioning partitioning(List<String> by) {
        if (by.isEmpty()) {
            return Partitioning.NONE;
        }
        try (JobDescription looking = describe("list the partitions (" + String.join(", ", by) + ") of")) {
            return new PartitionValues(tables, columns, by).partitioning(sources.auditTasks(OptionalInt.empty()));
        }
    }

    private JobDescription describe(String what) {
        return JobDescription.of(settings.session(), what + " " + JobDescription.list(sources.names()));
    }

    /** The sizes from which the memory of a task is planned. */
    public TableLoad load(FusionConfig config, ModelConfig model) {
        // Of several tables with the key, the longest counts; with pairs, only their own table has the key.
        long rows = keyed().mapToLong(table -> table.rows().rows()).max().orElse(0);
        return TableLoad.of(settings, rows, sources, FusedSchema.bytes(config, model, rows, bytes()));
    }

    /** Bytes to fuse: the size of all files or, with pairs, one row of every feature table for each pair. */
    public long bytes() {
        return referenced == null ? sources.bytes() : referenced.bytes();
    }

    /** The tables that have the key. */
    private Stream<SourceTable> keyed() {
        return sources.all().stream().limit(tables.size());
    }
}
