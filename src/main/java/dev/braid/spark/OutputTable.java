package dev.braid.spark;

import dev.braid.InputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.DataFrameWriterV2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A Delta or Iceberg table of Spark's catalog that takes the rows of a published fused table, in one transaction. The
 * transaction carries the run's identifier, so that a second start finds it. Driver only.
 */
public final class OutputTable {
    /** What becomes of the rows that the table has. */
    public enum Mode {
        /** They stay. */
        APPEND,
        /** They go. */
        REPLACE;

        /** As options name it. */
        public String configName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final SparkSession spark;
    private final CatalogTable table;
    private final SnapshotFormat format;
    private final Mode mode;

    private OutputTable(SparkSession spark, CatalogTable table, SnapshotFormat format, Mode mode) {
        this.spark = spark;
        this.table = table;
        this.format = format;
        this.mode = mode;
    }

    /**
     * Finds a table; nothing is written yet.
     *
     * @throws InputException if there is none, or its format has no transactions
     */
    public static OutputTable find(SparkSession spark, String name, Mode mode) {
        String expected =
                "Cannot write table '" + name + "': expected a Delta or Iceberg table of Spark's catalog, got ";
        Optional<CatalogTable> found;
        try {
            found = CatalogTable.named(spark, name);
        } catch (TransientException unanswered) {
            throw unanswered;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw new InputException("Cannot write table '" + name + "': " + SparkFailure.firstLine(failure), failure);
        }
        CatalogTable table = found.orElseThrow(() -> new InputException(
                expected + "none; create it with the columns of the output, which src/docs/tables.md lists"));
        SnapshotFormat format = table.format()
                .orElseThrow(() -> new InputException(
                        expected + "Parquet files, which have no transactions; write them with '--output' alone"));
        return new OutputTable(spark, table, format, mode);
    }

    /** Where it is stored. */
    public String location() {
        return table.location();
    }

    /**
     * Whether the table has the columns of the rows, and no others.
     *
     * @throws InputException naming every column that is missing, of another type, or too many
     */
    public void check(StructType rows) {
        Map<String, String> expected = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (StructField field : rows.fields()) {
            expected.put(field.name(), field.dataType().catalogString());
        }
        List<String> problems = new ArrayList<>();
        for (StructField field : spark.table(table.name()).schema().fields()) {
            String type = expected.remove(field.name());
            String found = field.dataType().catalogString();
            if (type == null) {
                problems.add(
                        "column '" + field.name() + "': expected no such column (the output has none), got " + found);
            } else if (!type.equals(found)) {
                problems.add("column '" + field.name() + "': expected " + type + " (the output), got " + found);
            }
        }
        expected.forEach((name, type) -> problems.add(
                "column '" + name + "': expected " + type + " (the output), got none; ALTER TABLE adds it"));
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot write table '" + table.name() + "'", problems);
        }
    }

    /**
     * Writes the rows of a published table, unless the table's history has them.
     *
     * @param directory the published table
     * @throws OutputExistsException if the rows were written, and the history does not show that any more
     * @throws TransientException if Spark or storage fail; nothing is written then, or all
     */
    Manifest.Committed commit(Manifest manifest, Path directory) {
        try {
            Optional<SnapshotFormat.Snapshot> done = committed(manifest.run());
            if (done.isEmpty()) {
                refuseForgotten(manifest);
                write(manifest, directory);
                done = committed(manifest.run());
            }
            String snapshot = done.orElseThrow(() -> new TransientException(
                            "Cannot find what was written to table '" + table.name() + "': expected run '"
                                    + manifest.run() + "' in its history, got none; run it again",
                            null))
                    .id();
            return new Manifest.Committed(table.name(), mode.configName(), snapshot);
        } catch (OutputExistsException | TransientException told) {
            throw told;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure, "Cannot write table '" + table.name() + "'");
        }
    }

    /** A session may remember a table as it was; the history must be that of now. */
    private Optional<SnapshotFormat.Snapshot> committed(String run) {
        spark.sql("REFRESH TABLE " + table.full());
        return format.marked(spark, table.full(), run);
    }

    private void refuseForgotten(Manifest manifest) {
        Manifest.Committed earlier = manifest.outputTable();
        if (earlier != null && earlier.name().equals(table.name())) {
            throw new OutputExistsException("Cannot tell whether table '" + table.name() + "' has these rows: expected"
                    + " snapshot '" + earlier.snapshot() + "' of run '" + manifest.run()
                    + "' in its history, got none (expired, or rolled back); pass '--overwrite' to fuse and write them"
                    + " again");
        }
    }

    @SuppressWarnings("try") // a description works by being open
    private void write(Manifest manifest, Path directory) throws Exception {
        SparkSettings settings = SparkSettings.reading(spark);
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        FileSystem files = directory.getFileSystem(hadoop);
        List<String> names = manifest.files().stream()
                .map(Shard::file)
                .filter(file -> file != null)
                .toList();
        List<FileStatus> parts = StorageCalls.all(names, name -> files.getFileStatus(new Path(directory, name)));
        settings.fit(
                Footers.read(parts, column -> true, hadoop).rows(),
                parts.stream().map(FileStatus::getLen).toList());
        Dataset<Row> rows = PublishedTable.read(
                settings.session(), parts.stream().map(FileStatus::getPath).toList());
        check(rows.schema());
        // As many files as the run has written; Spark would split them.
        DataFrameWriterV2<Row> writer = rows.coalesce(parts.size()).writeTo(table.full());
        for (Map.Entry<String, String> option : format.mark(manifest.run()).entrySet()) {
            writer.option(option.getKey(), option.getValue());
        }
        try (JobDescription writing =
                JobDescription.of(spark, mode.configName() + " rows of " + table.name() + " from " + directory)) {
            if (mode == Mode.APPEND) {
                writer.append();
            } else {
                writer.overwrite(functions.lit(true));
            }
        }
    }

    /** The mode that an option names. */
    public static Optional<Mode> parse(String text) {
        return Arrays.stream(Mode.values())
                .filter(mode -> mode.configName().equals(text))
                .findFirst();
    }
}
