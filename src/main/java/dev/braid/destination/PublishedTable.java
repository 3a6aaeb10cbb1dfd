package dev.braid.destination;

import static org.apache.spark.sql.functions.col;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.publish.Manifest;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.rows.SourceFile;
import dev.braid.rows.SparkRows;
import dev.braid.rows.TableName;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusedSchema;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.KeyCounts;
import dev.braid.storage.TablePath;
import dev.braid.tables.JobDescription;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.ParquetTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The table that a run updates: the files that its manifest names, and what the update does to them. Driver only. */
public final class PublishedTable {
    private static final String KEY = PairedColumns.KEY;
    private static final String FILE = "file";

    private final SparkSession spark;
    private final Path table;
    private final Manifest manifest;
    private final FusionConfig config;
    private final ModelConfig model;
    private final String version;
    private final boolean prune;

    /**
     * An existing table.
     *
     * @param table its path
     * @param config of the run and, equally, of the table
     * @param model with the pooling of the run
     * @param version the kept column whose value tells whether a row has changed; null if there is none
     * @param prune whether to remove rows whose key is no longer in the input
     */
    PublishedTable(
            SparkSession spark,
            String table,
            Manifest manifest,
            FusionConfig config,
            ModelConfig model,
            String version,
            boolean prune) {
        this.spark = spark;
        this.table = new Path(table);
        this.manifest = manifest;
        this.config = config;
        this.model = model;
        this.version = version;
        this.prune = prune;
    }

    /** Whether an update changes anything. A quarantine with rows is always rewritten, to drop outdated ones. */
    boolean changes(AuditedKeys keys) {
        return keys.toFuse() > 0 || keys.known().removed(prune) > 0 || manifest.quarantinedRows() > 0;
    }

    /** The number of rows of the updated table, including those that are set aside. */
    long rows(AuditedKeys keys) {
        return keys.rows() + (prune ? 0 : keys.known().left());
    }

    /** What the manifest of the updated table says about the update. */
    Manifest.Update update(AuditedKeys keys) {
        return new Manifest.Update(
                manifest.run(),
                manifest.rows() - keys.known().removed(prune),
                keys.known().changed(),
                keys.known().spoiled() + (prune ? keys.known().left() : 0),
                prune ? 0 : keys.known().left(),
                version);
    }

    /**
     * The table's keys, and the version of each row.
     *
     * @param inputs with columns named as in a {@code PairedTable}
     * @throws InputException if a column is not of the input's type
     */
    KeyCounts.Published keys(SparkSession session, List<Dataset<Row>> inputs) {
        Dataset<Row> rows = read(session);
        checkTypes(rows.schema(), inputs);
        if (version != null && manifest.partitionBy().contains(version)) {
            rows = withPartitionColumns(session, rows.schema());
        }
        List<Column> selected = new ArrayList<>(List.of(key()));
        String name = null;
        if (version != null) {
            name = PairedColumns.kept(config.columns().keep().indexOf(version));
            selected.add(column(version).as(name));
        }
        return new KeyCounts.Published(rows.select(selected.toArray(Column[]::new)), name);
    }

    private void checkTypes(StructType published, List<Dataset<Row>> inputs) {
        List<String> problems = new ArrayList<>();
        List<String> carried = config.columns().carried();
        for (int c = 0; c < carried.size(); c++) {
            String name = carried.get(c);
            if (manifest.partitionBy().contains(name)) {
                continue; // Values in the names of directories have no type.
            }
            String paired = c == 0 ? KEY : PairedColumns.kept(c - 1);
            DataType expected = published.apply(name).dataType();
            for (Dataset<Row> input : inputs) {
                if (List.of(input.columns()).contains(paired)) {
                    String type = input.schema().apply(paired).dataType().catalogString();
                    if (!type.equals(expected.catalogString())) {
                        problems.add("column '" + name + "': expected " + expected.catalogString()
                                + " (the published table), got " + type);
                    }
                }
            }
            if (name.equals(version) && !SparkRows.isOrderable(expected)) {
                problems.add("column '" + name + "': expected a type that has an order (--changed-by), got "
                        + expected.catalogString());
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot update '" + table + "'", problems);
        }
    }

    /**
     * The records of the updated table: of published files that stay, of copies without the removed rows, and of the files
     * that the run has fused.
     *
     * @param fused what the run has fused
     * @param tables opened for this table, with their keys audited
     * @param run its directory takes the copies
     * @throws InputException if a copied file does not match its manifest
     */
    List<Shard> with(List<Shard> fused, FeatureTables tables, AuditedKeys keys, RunDirectory run) throws IOException {
        List<Shard> copied = new ArrayList<>();
        List<Shard> updated = new ArrayList<>(files());
        long removed = keys.known().removed(prune);
        if (removed > 0) {
            Dataset<Row> gone = tables.removed(keys, prune);
            boolean few = removed <= KeyCounts.BROADCAST_KEYS;
            List<Shard> holding = holding(gone, few);
            updated.removeAll(holding);
            copied = new FileCopies(
                            spark, config.columns().inFiles(manifest.partitionBy()), FusedSchema.columns(config, model))
                    .write(table, holding, gone, few, run.path().toString(), run.id());
        }
        updated.replaceAll(Shard::withoutQuarantine);
        updated.addAll(copied);
        for (Shard shard : fused) {
            Shard own = shard;
            if (shard.file() != null && shard.rows() == 0 && !updated.isEmpty()) {
                Path file = new Path(run.path(), shard.file());
                file.getFileSystem(spark.sparkContext().hadoopConfiguration()).delete(file, false);
                own = shard.withoutFile();
            }
            if (own.file() != null || own.quarantine() != null) {
                updated.add(own);
            }
        }
        return updated;
    }

    /** The published files that have one of these keys. */
    @SuppressWarnings("try") // the description lasts while it is open
    private List<Shard> holding(Dataset<Row> keys, boolean few) {
        Dataset<Row> found = read(keys.sparkSession())
                .select(key(), functions.input_file_name().as(FILE))
                .join(
                        keys.select(col(KEY).as("gone")).hint(few ? "broadcast" : "merge"),
                        col(KEY).equalTo(col("gone")),
                        "left_semi")
                .select(FILE)
                .distinct();
        Set<String> paths = new HashSet<>();
        try (JobDescription looking =
                JobDescription.of(keys.sparkSession(), "find the rows of " + table + " that go")) {
            found.collectAsList().forEach(row -> paths.add(SourceFile.path(row.getString(0))));
        }
        return files().stream()
                .filter(shard -> paths.contains(path(shard).toUri().getPath()))
                .toList();
    }

    private List<Shard> files() {
        return manifest.files().stream().filter(shard -> shard.file() != null).toList();
    }

    private Dataset<Row> read(SparkSession session) {
        return read(session, files().stream().map(this::path).toList());
    }

    /** The rows of the published files, with the partition columns as strings. */
    private Dataset<Row> withPartitionColumns(SparkSession session, StructType columns) {
        StructType all = columns;
        for (String name : manifest.partitionBy()) {
            all = all.add(name, DataTypes.StringType);
        }
        return ParquetTable.rows(
                session.read().schema(all).option("basePath", table.toString()),
                files().stream().map(this::path).toList());
    }

    private Path path(Shard shard) {
        return new Path(table, shard.file());
    }

    /** The rows of published files. Damage is recognised if the pages have checksums. */
    static Dataset<Row> read(SparkSession session, List<Path> files) {
        return ParquetTable.rows(session.read(), files);
    }

    /** Reads a table with its partition columns: the files that its manifest names, or all files if it has none. */
    public static Dataset<Row> rows(SparkSession session, String table) throws IOException {
        Path path = TablePath.parse(table, session.sparkContext().hadoopConfiguration());
        FileSystem files = path.getFileSystem(session.sparkContext().hadoopConfiguration());
        List<Path> named = Manifest.of(path, files).map(Manifest::files).orElse(List.of()).stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> new Path(path, shard.file()))
                .toList();
        return named.isEmpty()
                ? session.read().parquet(table)
                : ParquetTable.rows(session.read().option("basePath", path.toString()), named);
    }

    private Column key() {
        return column(config.columns().key()).as(KEY);
    }

    /** A column of a published table by its name, whatever characters it has. */
    public static Column column(String name) {
        return col(TableName.quoted(name));
    }
}
