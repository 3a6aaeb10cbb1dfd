package dev.braid.destination;

import dev.braid.InputException;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.publish.Manifest;
import dev.braid.publish.OutputExistsException;
import dev.braid.publish.SecondOutput;
import dev.braid.publish.Shard;
import dev.braid.storage.Footers;
import dev.braid.storage.StorageCalls;
import dev.braid.tables.CatalogTable;
import dev.braid.tables.JobDescription;
import dev.braid.tables.SnapshotFormat;
import dev.braid.tables.SourceTable;
import dev.braid.tables.SparkSettings;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.spark.sql.DataFrameWriterV2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A Delta or Iceberg table of Spark's catalog. The rows of a published fused table are written to it in one transaction. The
 * transaction records the run's identifier and the mode, so that a repeated run finds it. Driver only.
 */
public final class OutputTable implements SecondOutput {
    /** What happens to the rows that the table has. */
    public enum Mode {
        /** They stay. */
        APPEND,
        /** They are removed. */
        REPLACE;

        /** The name of the mode in options. */
        public String configName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final String EXPECTED = "expected a Delta or Iceberg table of Spark's catalog, got ";
    private static final String APPEND_ONLY = "delta.appendOnly";

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
     * Finds a table, and checks everything that would keep the run from writing it. Nothing is written yet.
     *
     * @throws InputException if there is none, its format has no transactions, or it must not be written or read
     * @throws TransientException if the catalog or the table's storage does not answer
     */
    public static OutputTable find(SparkSession spark, String name, Mode mode) {
        try {
            CatalogTable table = CatalogTable.named(spark, name)
                    .orElseThrow(() -> new InputException(EXPECTED
                            + "none; create it with the columns of the output, which src/docs/tables.md lists"));
            SnapshotFormat format = table.format()
                    .orElseThrow(() -> new InputException(EXPECTED + table.kind()
                            + ", which has no transactions of its own"
                            + (table.isParquet() ? "; write them with '--output' alone" : "; name the table itself")));
            table.refuseUnlocated();
            OutputTable output = new OutputTable(spark, table, format, mode);
            CatalogTable.ask(name, table.format(), () -> {
                output.refuseUnwritable();
                return output.history(); // fails if the user or the session cannot read it
            });
            return output;
        } catch (InputException problem) {
            throw new InputException("Cannot write table '" + name + "': " + problem.getMessage(), problem);
        }
    }

    private void refuseUnwritable() throws IOException {
        for (String setting : List.of("spark.wap.id", "spark.wap.branch")) {
            if (format == SnapshotFormat.ICEBERG
                    && !spark.conf().get(setting, "").isEmpty()) {
                throw new InputException("expected a write to its main branch, got setting '" + setting + "' ('"
                        + spark.conf().get(setting) + "'); remove the setting");
            }
        }
        Path place = new Path(table.location());
        try {
            place.getFileSystem(spark.sparkContext().hadoopConfiguration()).access(place, FsAction.WRITE_EXECUTE);
        } catch (FileNotFoundException | UnsupportedFileSystemException unasked) {
            // The format creates the directory, or has its own client for the storage.
        }
        if (format == SnapshotFormat.DELTA && mode == Mode.REPLACE && isAppendOnly()) {
            throw new InputException("expected a table whose rows may be removed ('--table-mode replace'), got property"
                    + " '" + APPEND_ONLY + "' true; append to it, or change the property");
        }
    }

    private boolean isAppendOnly() {
        return spark
                .sql("SHOW TBLPROPERTIES " + table.full().sql() + " ('" + APPEND_ONLY + "')")
                .collectAsList()
                .stream()
                .anyMatch(property -> property.getString(1).equalsIgnoreCase("true"));
    }

    /** Where it is stored. */
    public String location() {
        return table.location();
    }

    /**
     * Checks that the table has exactly the columns of the rows.
     *
     * @throws InputException naming every column that is missing, superfluous or of another type
     */
    public void check(StructType rows) {
        StructType found = CatalogTable.ask(
                table.name(),
                table.format(),
                () -> spark.table(table.full().sql()).schema());
        List<String> problems = problems(rows, found, SourceTable.isCaseSensitive(spark));
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot write table '" + table.name() + "'", problems);
        }
    }

    /** How the columns of a table differ from those of the rows to write. */
    static List<String> problems(StructType rows, StructType table, boolean caseSensitive) {
        Map<String, DataType> expected =
                new TreeMap<>(caseSensitive ? Comparator.naturalOrder() : String.CASE_INSENSITIVE_ORDER);
        for (StructField field : rows.fields()) {
            expected.put(field.name(), field.dataType());
        }
        List<String> problems = new ArrayList<>();
        for (StructField field : table.fields()) {
            DataType type = expected.remove(field.name());
            String found = field.dataType().catalogString();
            if (type == null) {
                problems.add(
                        "column '" + field.name() + "': expected no such column (the output has none), got " + found);
            } else if (!holds(field.dataType(), type)) {
                problems.add("column '" + field.name() + "': expected " + type.catalogString() + " (the output), got "
                        + found);
            }
        }
        expected.forEach((name, type) -> problems.add("column '" + name + "': expected " + type.catalogString()
                + " (the output), got none; ALTER TABLE adds it"));
        return problems;
    }

    /** Whether a column can hold values. Iceberg has no integers of fewer than 32 bits, so an int may hold shorter ones. */
    private static boolean holds(DataType column, DataType values) {
        boolean isShort = values.equals(DataTypes.ByteType) || values.equals(DataTypes.ShortType);
        return column.catalogString().equals(values.catalogString())
                || (isShort && column.equals(DataTypes.IntegerType));
    }

    /**
     * Whether a published table must be kept, although {@code --overwrite} is set: its rows have been appended to this table,
     * or still can be, and fusing them again would append them twice.
     */
    public boolean keeps(Manifest published) {
        return mode == Mode.APPEND
                && history().lost(published, table.location()).isEmpty();
    }

    @Override
    public Manifest.Committed commit(Manifest manifest, Path directory, Owned owned) {
        try {
            Optional<String> done = written(manifest);
            if (done.isEmpty()) {
                write(manifest, directory, owned);
                done = written(manifest);
            }
            return new Manifest.Committed(
                    table.name(),
                    table.location(),
                    mode.configName(),
                    done.orElseThrow(() -> new OutputExistsException("Cannot find what was written to table '"
                            + table.name() + "': expected run '" + manifest.run() + "' in its history, got none"
                            + (format == SnapshotFormat.DELTA
                                    ? " (Delta ignores a run that it has had before, even one"
                                            + " that its history has forgotten)"
                                    : "")
                            + "; check whether the table has the rows, and pass another '--output' if it does not")));
        } catch (InputException | OutputExistsException | TransientException told) {
            throw told;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure, "Cannot write table '" + table.name() + "'");
        }
    }

    /** The current history of the table. It is refreshed first, because a session may remember an older state. */
    private TableHistory history() {
        return CatalogTable.ask(table.name(), table.format(), () -> {
            spark.sql("REFRESH TABLE " + table.full().sql());
            return new TableHistory(table.name(), format.marks(spark, table.full()));
        });
    }

    private Optional<String> written(Manifest manifest) {
        return history().written(manifest, table.location(), mode);
    }

    @SuppressWarnings("try") // the description lasts while it is open
    private void write(Manifest manifest, Path directory, Owned owned) throws Exception {
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
        // Keeps the number of files that the run has written; Spark would split them.
        DataFrameWriterV2<Row> writer =
                rows.coalesce(parts.size()).writeTo(table.full().sql());
        for (Map.Entry<String, String> option :
                format.mark(manifest.run(), mode.configName()).entrySet()) {
            writer.option(option.getKey(), option.getValue());
        }
        owned.check();
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
