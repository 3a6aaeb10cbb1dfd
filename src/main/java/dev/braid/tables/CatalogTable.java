package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import dev.braid.publish.InputFile;
import dev.braid.rows.TableName;
import dev.braid.storage.Footers;
import dev.braid.storage.StorageCalls;
import dev.braid.storage.TablePath;
import java.io.IOException;
import java.net.URI;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A table of Spark's catalog, found by its name. If its format has snapshots, the snapshot that is current when the table is
 * opened is read, whatever is committed later. A table of Parquet files is read like the path that it is stored at. Driver
 * only.
 *
 * @param name as the user wrote it
 * @param full the parsed name with its catalog and namespace
 * @param kind what the table is, as messages call it
 * @param isParquet whether it consists of Parquet files and has no snapshots
 * @param format the snapshot format; empty if it has no snapshots
 * @param location where it is stored; null if the catalog does not say so
 */
public record CatalogTable(
        String name, TableName full, String kind, boolean isParquet, Optional<SnapshotFormat> format, String location) {
    /** After this line of the output of DESCRIBE, the lines describe the table instead of its columns. */
    private static final String DETAILS = "# Detailed Table Information";

    /** After the name of an Iceberg table, a name part like these selects a branch, a tag or a snapshot of that table. */
    private static final Pattern SELECTOR = Pattern.compile("(branch|tag|snapshot_id|at_timestamp)_.+");

    /**
     * The table that {@code text} names; empty if the text is a path or names no table.
     *
     * @throws InputException if it is a view, or a table of a format that Braid does not read
     * @throws TransientException if the catalog does not answer
     */
    static Optional<CatalogTable> find(SparkSession session, String text) throws IOException {
        boolean isPath =
                text.contains("/") || exists(text, session.sparkContext().hadoopConfiguration());
        Optional<CatalogTable> found = isPath ? Optional.empty() : named(session, text);
        found.ifPresent(CatalogTable::refuseUnreadable);
        return found;
    }

    /** The table of any kind that {@code text} names, even if the text is a path too; empty if it names none. */
    public static Optional<CatalogTable> named(SparkSession session, String text) {
        Optional<TableName> name = TableName.parse(text);
        return name.isPresent() && ask(text, Optional.empty(), () -> isKnown(session, name.get()))
                ? Optional.of(ask(text, Optional.empty(), () -> described(session, text, name.get())))
                : Optional.empty();
    }

    private static boolean exists(String path, Configuration hadoop) throws IOException {
        try {
            return !TablePath.resolve(path, hadoop).isEmpty();
        } catch (InputException absent) {
            return false;
        }
    }

    private static boolean isKnown(SparkSession session, TableName name) throws Exception {
        try {
            return session.catalog().tableExists(name.sql());
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            // Without a cause, the name has no catalog. With a cause, the catalog's client has failed.
            if (failure instanceof AnalysisException && failure.getCause() == null) {
                return false;
            }
            throw failure;
        }
    }

    /**
     * Asks the catalog, or a table's metadata.
     *
     * @param format the table's format, if it is known
     * @throws InputException if the question cannot be answered and a retry cannot help
     * @throws TransientException if the catalog or the storage does not answer
     */
    public static <T> T ask(String name, Optional<SnapshotFormat> format, Callable<T> question) {
        try {
            return question.call();
        } catch (InputException | TransientException told) {
            throw told;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            Diagnosis diagnosis = Diagnosis.of(failure);
            String got = ", got '" + diagnosis.cause() + "'";
            if (!diagnosis.isPermanent()) {
                throw new TransientException(
                        "Cannot look at table '" + name
                                + "': expected Spark's catalog and the table's storage to answer" + got + "; try again",
                        failure);
            }
            String settings = failure instanceof AnalysisException
                    ? format.map(known -> "; " + known.settings()).orElse("")
                    : diagnosis.nextStep();
            throw new InputException("expected a table whose metadata can be read" + got + settings, failure);
        }
    }

    private static CatalogTable described(SparkSession session, String text, TableName parsed) {
        TableName full = parsed.in(session);
        Map<String, String> details = new HashMap<>();
        boolean ofTable = false;
        for (Row row : session.sql("DESCRIBE TABLE EXTENDED " + parsed.sql()).collectAsList()) {
            ofTable |= DETAILS.equals(row.getString(0));
            if (ofTable && !row.isNullAt(1)) {
                details.putIfAbsent(row.getString(0), row.getString(1));
            }
        }
        String provider = details.getOrDefault("Provider", "").toLowerCase(Locale.ROOT);
        Optional<SnapshotFormat> format = SnapshotFormat.of(provider);
        boolean isParquet = provider.equals("parquet")
                || details.getOrDefault("Serde Library", "").endsWith(".ParquetHiveSerDe");
        boolean isView = provider.isEmpty() || "VIEW".equals(details.get("Type"));
        boolean isPart = format.equals(Optional.of(SnapshotFormat.ICEBERG))
                && SELECTOR.matcher(full.last()).matches()
                && full.parent()
                        .filter(table -> session.catalog().tableExists(table.sql()))
                        .isPresent();
        String kind = isView
                ? "a view"
                : isPart ? "a branch, a tag or a snapshot of one" : isParquet ? "Parquet files" : "'" + provider + "'";
        return new CatalogTable(
                text,
                full,
                kind,
                isParquet && !isView,
                isView || isPart ? Optional.empty() : format,
                details.get("Location"));
    }

    private void refuseUnreadable() {
        if (format.isEmpty() && !isParquet) {
            throw new InputException("expected a table that is stored as Parquet, Delta or Iceberg, got " + kind
                    + "; write its rows to a table first");
        }
        refuseUnlocated();
    }

    /**
     * Refuses a table without a known location.
     *
     * @throws InputException if the catalog does not say where the table is stored
     */
    public void refuseUnlocated() {
        if (location == null) {
            throw new InputException("expected a table whose location Spark's catalog knows, got none");
        }
    }

    /** Opens the table for {@link SourceTables#open}. */
    SourceTable open(SparkSettings settings, List<FeatureColumn> features, List<String> carried) throws IOException {
        return format.isPresent()
                ? snapshot(format.get(), settings, features, carried)
                : files(settings, features, carried);
    }

    private SourceTable files(SparkSettings settings, List<FeatureColumn> features, List<String> carried)
            throws IOException {
        Configuration hadoop = settings.session().sparkContext().hadoopConfiguration();
        TableFiles files = TableFiles.at(location, hadoop);
        StructType schema = ask(name, format, () -> {
            Dataset<Row> table = settings.session().table(full.sql());
            refuseOthers(files, table.inputFiles());
            return table.schema();
        });
        StructField[] partitions = Arrays.stream(schema.fields())
                .filter(field -> files.partitions().stream().anyMatch(field.name()::equalsIgnoreCase))
                .toArray(StructField[]::new);
        return ParquetTable.open(settings, name, location, files, new StructType(partitions), features, carried);
    }

    /** Refuses a table whose files are not those of the catalog's partitions, as when the catalog lacks one. */
    private void refuseOthers(TableFiles files, String[] known) {
        Set<String> others = Arrays.stream(known)
                .map(file -> new Path(URI.create(file)).toString())
                .collect(Collectors.toCollection(TreeSet::new));
        files.empty().forEach(file -> others.remove(file.toString()));
        for (FileStatus file : files.files()) {
            String path = file.getPath().toString();
            if (!others.remove(path)) {
                others.add(path);
            }
        }
        if (!others.isEmpty()) {
            throw new InputException("expected the catalog's partitions to be the directories of '" + location
                    + "', got other files, such as '" + others.iterator().next()
                    + "'; run MSCK REPAIR TABLE, or pass the paths");
        }
    }

    @SuppressWarnings("try") // the description lasts while it is open
    private SourceTable snapshot(
            SnapshotFormat kind, SparkSettings settings, List<FeatureColumn> features, List<String> carried)
            throws IOException {
        SparkSession session = settings.session();
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        SnapshotFormat.Snapshot current = ask(name, format, () -> kind.current(session, full))
                .orElseThrow(() ->
                        new InputException("expected a snapshot, got a table to which nothing was ever committed"));
        List<FileStatus> files = status(ask(name, format, () -> kind.files(session, full, current.id())), hadoop);
        Dataset<Row> data = ask(name, format, () -> SnapshotFormat.read(session, full, current.id()));
        Footers.Rows footers =
                files.isEmpty() ? Footers.Rows.NONE : footers(files, names(data.schema(), features, carried), hadoop);
        long bytes = files.stream().mapToLong(FileStatus::getLen).sum();
        long rows;
        try (JobDescription counting = JobDescription.of(session, "count the rows of " + name)) {
            rows = files.isEmpty() ? 0 : data.count(); // some rows of the files may be deleted
        }
        InputFile input =
                new InputFile(name, location, bytes, current.committed().toString(), null, current.id(), rows);
        return new SourceTable(
                name,
                null,
                data,
                features,
                SourceTable.isCaseSensitive(session),
                SourceTable.columns(data.schema()),
                List.of(input),
                footers.counting(rows),
                Map.of());
    }

    /** The needed columns of a table, in lower case. */
    private static Set<String> names(StructType table, List<FeatureColumn> features, List<String> carried) {
        Set<String> names = SourceTable.lowerCaseNames(features, carried);
        names.retainAll(
                Arrays.stream(table.fieldNames()).map(SourceTable::lowerCase).toList());
        return names;
    }

    /**
     * What the footers say about the needed columns. A file may have a renamed column under its old name. So unless every
     * file has all needed columns, all columns are counted; otherwise rows would look smaller than they are.
     *
     * @param needed in lower case
     */
    static Footers.Rows footers(List<FileStatus> files, Set<String> needed, Configuration hadoop) throws IOException {
        Footers.All found = Footers.read(files, column -> needed.contains(SourceTable.lowerCase(column)), hadoop);
        boolean all = found.footers().stream()
                .allMatch(footer -> footer.schema().type().getFields().stream()
                        .map(field -> SourceTable.lowerCase(field.getName()))
                        .collect(Collectors.toSet())
                        .equals(needed));
        return all ? found.rows() : Footers.read(files, column -> true, hadoop).rows();
    }

    private static List<FileStatus> status(List<String> paths, Configuration hadoop) throws IOException {
        return StorageCalls.all(paths, path -> {
            Path file = new Path(path);
            return file.getFileSystem(hadoop).getFileStatus(file);
        });
    }
}
