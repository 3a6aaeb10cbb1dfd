package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.Shown;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.publish.InputFile;
import dev.braid.rows.FeatureType;
import dev.braid.storage.Footers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * The tables that a run reads, as they were opened: the files and sizes of all of them, and whether these have changed since.
 * Driver only.
 */
public record SourceTables(List<SourceTable> all) {
    /** Input bytes per task of a join. */
    private static final long TASK_BYTES = 64L << 20;
    /** Rows per task that counts keys. */
    private static final long AUDIT_ROWS = 250_000;
    /** How many changed files a message names. */
    private static final int CHANGES = 3;

    /** The features to read from each path. Adds a problem for each modality without a path, and for each unknown name. */
    public static Map<String, List<FeatureColumn>> byPath(
            Map<String, String> paths, List<FeatureColumn> features, List<String> problems) {
        List<String> names = features.stream().map(f -> f.modality().name()).toList();
        FeatureColumn.unknown("table", paths, names, problems);
        Map<String, List<FeatureColumn>> byPath = new LinkedHashMap<>();
        for (FeatureColumn feature : features) {
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

    /**
     * Opens the tables that can be opened. Adds a problem for each of the others.
     *
     * @param carried the names of the columns that the run needs besides those of the features
     */
    public static SourceTables open(
            SparkSettings settings,
            InputTables tables,
            Map<String, List<FeatureColumn>> features,
            List<String> carried,
            List<String> problems) {
        List<SourceTable> opened = new ArrayList<>();
        tables.byTable(features)
                .forEach((path, own) -> openOrNote(settings, tables, path, own, carried, problems)
                        .ifPresent(opened::add));
        return new SourceTables(opened);
    }

    /** Opens a table. If it cannot be opened, adds a problem. */
    public static Optional<SourceTable> openOrNote(
            SparkSettings settings,
            InputTables tables,
            String path,
            List<FeatureColumn> features,
            List<String> carried,
            List<String> problems) {
        try {
            return Optional.of(open(settings, tables, path, features, carried));
        } catch (InputException problem) {
            String message = "table '" + path + "': " + problem.getMessage();
            if (!Diagnosis.isPermanent(problem)) {
                throw new InputException("Cannot open feature tables:\n  " + message, problem);
            }
            problems.add(message);
            return Optional.empty();
        }
    }

    /**
     * Opens Parquet files, or a table of Spark's catalog.
     *
     * @param table a path, or the name of a table in the catalog
     * @param features the features to read from this table
     * @param carried the names of the other columns that the run needs, of this table or of others
     * @throws InputException if there is no such table, or it is not of Parquet files
     * @throws TransientException if the catalog or the storage does not answer
     */
    public static SourceTable open(
            SparkSettings settings,
            InputTables tables,
            String table,
            List<FeatureColumn> features,
            List<String> carried) {
        try {
            Optional<CatalogTable> named = tables.named(table);
            return named.isPresent()
                    ? named.get().open(settings, features, carried)
                    : ParquetTable.open(settings, table, features, carried);
        } catch (InputException | TransientException told) {
            throw told;
        } catch (ChecksumException stale) { // of Hadoop's local file system
            throw new InputException(
                    "expected intact Parquet files, got " + SparkFailure.firstLine(stale)
                            + "; if the file was replaced, delete its checksum ('.' before its name, '.crc' after it)",
                    stale);
        } catch (IOException failure) {
            if (Diagnosis.isPermanent(failure)) {
                throw new InputException("expected Parquet files, got " + SparkFailure.firstLine(failure), failure);
            }
            throw SparkFailure.translate(failure); // from storage: a retry may succeed
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw new InputException("expected Parquet files, got " + SparkFailure.reason(failure), failure);
        }
    }

    /** The files of all tables, table by table, each once. */
    public List<InputFile> files() {
        return all.stream().flatMap(table -> table.files().stream()).distinct().toList();
    }

    /** The size of all files. */
    public long bytes() {
        return files().stream().mapToLong(InputFile::bytes).sum();
    }

    private static List<Long> sizes(List<InputFile> files) {
        return files.stream().map(InputFile::bytes).toList();
    }

    /** The number of tasks that count keys. */
    public int auditTasks(OptionalInt most) {
        return auditTasks(rows().rows(), most);
    }

    public static int auditTasks(long rows, OptionalInt most) {
        return (int) Math.min(most.orElse(Integer.MAX_VALUE), rows / AUDIT_ROWS + 1);
    }

    /** The number of tasks that join these tables, unless the user asks for another one. */
    public int joinTasks(SparkSession session) {
        int parallelism =
                JavaSparkContext.fromSparkContext(session.sparkContext()).defaultParallelism();
        return Math.toIntExact(Math.max(parallelism, bytes() / TASK_BYTES + 1));
    }

    /** What the footers of all files say. */
    Footers.Rows rows() {
        return all.stream().map(SourceTable::rows).reduce(Footers.Rows.NONE, Footers.Rows::and);
    }

    /** The names of the tables, as messages show them. */
    public List<String> names() {
        return all.stream().map(SourceTable::name).toList();
    }

    /** Fits the reader to the rows of these tables. */
    public void fit(SparkSettings settings) {
        settings.fit(rows(), sizes(files()));
        settings.splitEvenly(all.stream().map(table -> sizes(table.files())).toList());
    }

    /** The modalities whose columns hold token ids. */
    public Set<String> tokenIds() {
        return all.stream()
                .flatMap(source -> source.features().stream()
                        .filter(feature -> FeatureType.of(
                                        source.field(feature.column()).dataType())
                                .filter(FeatureType::isIds)
                                .isPresent()))
                .map(feature -> feature.modality().name())
                .collect(Collectors.toSet());
    }

    /**
     * Refuses tables whose rows Spark reads in another order each time.
     *
     * @throws InputException if a snapshot of a table of the catalog is read
     */
    public void refuseSnapshots() {
        List<String> snapshots = all.stream()
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
     * Refuses files that were removed or replaced since the tables were opened, and warns of added ones.
     *
     * @throws TransientException naming the files
     */
    public void refuseChanged() {
        List<String> changes =
                all.stream().flatMap(source -> source.changes().stream()).toList();
        if (!changes.isEmpty()) {
            throw new TransientException(
                    "Cannot publish the fused table: expected the input as it was when the run began, got changed files: "
                            + Shown.first(CHANGES, changes) + "; nothing is published; run it again",
                    null);
        }
    }

    /**
     * Checks the number of rows that were read from each table. If a file was replaced by a longer one, Spark reads it up to
     * its old end, without an error.
     *
     * @throws TransientException if it is not the number in the footers
     */
    public void checkRows(List<Long> found) {
        for (int t = 0; t < all.size(); t++) {
            checkRows(all.get(t), found.get(t));
        }
    }

    private static void checkRows(SourceTable source, long found) {
        long expected = source.rows().rows();
        if (expected != found) {
            List<String> changes = source.changes();
            throw new TransientException(
                    "Cannot read table '" + source.name() + "': expected " + Numbers.plain(expected, "row")
                            + (source.isSnapshot()
                                    ? " (counted in its snapshot), got "
                                    : " (footers of its files), got ")
                            + found + "; "
                            + (changes.isEmpty() ? "" : "changed files: " + Shown.first(CHANGES, changes) + "; ")
                            + "nothing is published; run it again once nobody writes to it",
                    null);
        }
    }
}
