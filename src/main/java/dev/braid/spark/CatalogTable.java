package dev.braid.spark;

import dev.braid.InputException;
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
 * A table of Spark's catalog, found by its name. Of a format with snapshots, the one that is current is read, whatever is
 * committed later; a table of Parquet files is read like the path that it is stored at. Driver only.
 *
 * @param name as the user wrote it
 * @param full the same with the catalog and the namespace
 * @param format empty for Parquet files
 * @param location where it is stored
 */
record CatalogTable(String name, String full, Optional<SnapshotFormat> format, String location) {
    private static final String EXPECTED = "expected a table that is stored as Parquet, Delta or Iceberg, got ";

    /** After this line of a description, it is of the table, not of its columns. */
    private static final String DETAILS = "# Detailed Table Information";

    /**
     * The table that a text names; empty if it is a path, or names no table.
     *
     * @throws InputException if it is a view, or of another format
     * @throws TransientException if the catalog does not answer
     */
    static Optional<CatalogTable> find(SparkSession session, String text) throws IOException {
        boolean isPath =
                text.contains("/") || exists(text, session.sparkContext().hadoopConfiguration());
        return isPath ? Optional.empty() : named(session, text);
    }

    /** The same of a text that is no path. */
    static Optional<CatalogTable> named(SparkSession session, String name) {
        return isKnown(session, name) ? Optional.of(described(session, name)) : Optional.empty();
    }

    private static boolean exists(String path, Configuration hadoop) throws IOException {
        try {
            return !TablePath.resolve(path, hadoop).isEmpty();
        } catch (InputException absent) {
            return false;
        }
    }

    private static boolean isKnown(SparkSession session, String name) {
        try {
            return session.catalog().tableExists(name);
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            // Without a cause it is a text that can be no name, or names no catalog; else the catalog's client has
            // failed.
            if (failure instanceof AnalysisException && failure.getCause() == null) {
                return false;
            }
            throw new TransientException(
                    "Cannot look for table '" + name + "': expected Spark's catalog to answer, got '"
                            + Diagnosis.of(failure).cause() + "'; try again",
                    failure);
        }
    }

    private static CatalogTable described(SparkSession session, String name) {
        String full = name.matches("[^.`]+|`[^`]+`")
                ? session.catalog().currentCatalog() + ".`" + session.catalog().currentDatabase() + "`." + name
                : name;
        Map<String, String> details = new HashMap<>();
        boolean ofTable = false;
        for (Row row : session.sql("DESCRIBE TABLE EXTENDED " + name).collectAsList()) {
            ofTable |= DETAILS.equals(row.getString(0));
            if (ofTable && !row.isNullAt(1)) {
                details.putIfAbsent(row.getString(0), row.getString(1));
            }
        }
        String provider = details.getOrDefault("Provider", "").toLowerCase(Locale.ROOT);
        if (provider.isEmpty() || "VIEW".equals(details.get("Type"))) {
            throw new InputException(EXPECTED + "a view; write its rows to a table first");
        }
        boolean isParquet = provider.equals("parquet")
                || details.getOrDefault("Serde Library", "").endsWith(".ParquetHiveSerDe");
        Optional<SnapshotFormat> format = SnapshotFormat.of(provider);
        if (format.isEmpty() && !isParquet) {
            throw new InputException(EXPECTED + "'" + provider + "'; write its rows as one of these first");
        }
        return new CatalogTable(name, full, format, details.get("Location"));
    }

    /** As {@link SourceTable#open}. */
    SourceTable open(SparkSettings settings, List<FeatureColumn> features, TableColumns needed) throws IOException {
        return format.isPresent()
                ? snapshot(format.get(), settings, features, needed)
                : files(settings, features, needed);
    }

    private SourceTable files(SparkSettings settings, List<FeatureColumn> features, TableColumns needed)
            throws IOException {
        Configuration hadoop = settings.session().sparkContext().hadoopConfiguration();
        Dataset<Row> table = settings.session().table(name);
        TableFiles files = TableFiles.at(location, hadoop);
        refuseOthers(files, table.inputFiles());
        StructField[] partitions = Arrays.stream(table.schema().fields())
                .filter(field -> files.partitions().stream().anyMatch(field.name()::equalsIgnoreCase))
                .toArray(StructField[]::new);
        return ParquetTable.open(settings, name, location, files, new StructType(partitions), features, needed);
    }

    /** The catalog may know fewer partitions than there are directories, or have some elsewhere. */
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

    @SuppressWarnings("try") // a description works by being open
    private SourceTable snapshot(
            SnapshotFormat kind, SparkSettings settings, List<FeatureColumn> features, TableColumns needed)
            throws IOException {
        SparkSession session = settings.session();
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        SnapshotFormat.Snapshot current = kind.current(session, full)
                .orElseThrow(() -> new InputException("expected rows, got a table to which nothing was committed"));
        List<FileStatus> files = status(kind.files(session, full, current.id()), hadoop);
        if (files.isEmpty()) {
            throw new InputException("expected data files, got none in snapshot '" + current.id() + "'");
        }
        Footers.Rows footers = footers(files, features, needed, hadoop);
        Dataset<Row> data = SnapshotFormat.read(session, full, current.id());
        long bytes = files.stream().mapToLong(FileStatus::getLen).sum();
        long rows;
        try (JobDescription counting = JobDescription.of(session, "count the rows of " + name)) {
            rows = data.count(); // some rows of the files may be deleted
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

    /** Their columns may have other names than the table's; then all count. */
    private static Footers.Rows footers(
            List<FileStatus> files, List<FeatureColumn> features, TableColumns needed, Configuration hadoop)
            throws IOException {
        Set<String> names = SourceTable.lowerCaseNames(features, needed);
        Footers.Rows rows = Footers.read(files, column -> names.contains(SourceTable.lowerCase(column)), hadoop)
                .rows();
        return rows.largestRow() > 0
                ? rows
                : Footers.read(files, column -> true, hadoop).rows();
    }

    private static List<FileStatus> status(List<String> paths, Configuration hadoop) throws IOException {
        return StorageCalls.all(paths, path -> {
            Path file = new Path(path);
            return file.getFileSystem(hadoop).getFileStatus(file);
        });
    }
}
