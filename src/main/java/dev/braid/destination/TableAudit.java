package dev.braid.destination;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.input_file_name;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.regexp_extract;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.substring_index;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.decode.Reason;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.publish.Manifest;
import dev.braid.publish.NamedFiles;
import dev.braid.publish.NamedFiles.NamedFile;
import dev.braid.publish.Shard;
import dev.braid.rows.SourceFile;
import dev.braid.rows.SparkRows;
import dev.braid.spark.KeyCounts;
import dev.braid.storage.Footers;
import dev.braid.storage.TablePath;
import dev.braid.tables.JobDescription;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SourceTables;
import dev.braid.tables.SparkSettings;
import dev.braid.task.FusedColumn;
import dev.braid.task.Quarantine;
import dev.braid.task.RowHash;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** Checks a published table against its manifest: files, rows, columns, keys and numbers, and the quarantine. Driver only. */
public final class TableAudit {
    private final SparkSettings settings;
    private final Path table;
    private final Manifest manifest;
    private final List<String> problems = new ArrayList<>();
    private final NamedFiles files;

    private TableAudit(SparkSession spark, Path table, Configuration hadoop) throws IOException {
        this.settings = SparkSettings.reading(spark);
        this.table = table;
        FileSystem fileSystem = table.getFileSystem(hadoop);
        this.manifest = manifest(table, fileSystem);
        this.files = new NamedFiles(fileSystem, hadoop, problems);
        // Columns are found by their exact names.
        settings.session().conf().set("spark.sql.caseSensitive", "true");
    }

    /**
     * Checks a table.
     *
     * @param output its directory
     * @param quick whether only footers and keys are read; otherwise the fingerprint is computed from the rows
     * @return the manifest, which the table matches
     * @throws InputException with every difference, or if there is no table or no manifest
     * @throws TransientException if storage, memory or the like fails
     */
    @SuppressWarnings("try") // the description lasts while it is open
    public static Manifest check(SparkSession spark, String output, boolean quick) {
        try (JobDescription auditing = JobDescription.of(spark, "audit " + output)) {
            Configuration hadoop = spark.sparkContext().hadoopConfiguration();
            TableAudit audit = new TableAudit(spark, TablePath.parse(output, hadoop), hadoop);
            audit.check(quick);
            return audit.manifest;
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure, "Cannot audit table '" + output + "'");
        }
    }

    private static Manifest manifest(Path table, FileSystem files) throws IOException {
        String expected = "Cannot audit table '" + table + "': expected a directory that 'braid fuse' published, with "
                + Manifest.FILE + " in it, got ";
        if (!files.exists(table)) {
            throw new InputException(expected + "no such path; pass the path that '--output' of fuse named");
        }
        if (!files.exists(new Path(table, Manifest.FILE))) {
            throw new InputException(
                    expected + "none; pass the path that '--output' of fuse named, or write the table anew with fuse");
        }
        Optional<Manifest> manifest = Manifest.of(table, files);
        if (manifest.isEmpty() || manifest.get().format() != Manifest.FORMAT) {
            throw new InputException(expected + "one that cannot be read or is not of format " + Manifest.FORMAT
                    + "; restore it, or write the table anew with fuse");
        }
        return manifest.get();
    }

    private void check(boolean quick) throws IOException {
        checkSums();
        Map<String, Shard> shards = new LinkedHashMap<>();
        Map<String, Long> named = new TreeMap<>();
        for (Shard shard : manifest.files()) {
            if (shard.file() != null) {
                shards.put(shard.file(), shard);
                named.put(shard.file(), shard.rows());
            }
        }
        List<NamedFile> parts = files.readable(table, "", named, true);
        List<NamedFile> alike = files.withColumnsOfTheFirst(parts);
        checkQuarantine(quick);
        if (!alike.isEmpty()) {
            readOrNote(() -> checkKeys(alike));
            List<NamedFile> whole = alike.stream()
                    .filter(part -> part.rows() == named.get(part.name()))
                    .toList();
            if (!quick && !whole.isEmpty()) {
                readOrNote(() -> checkFingerprints(whole, shards));
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of(
                    "Cannot confirm table '" + table + "': expected what its " + Manifest.FILE + " says, got "
                            + (problems.size() == 1 ? "a difference" : problems.size() + " differences")
                            + "; restore the table, or write it anew with fuse and '--overwrite'",
                    problems);
        }
    }

    /** Checks that the manifest's totals are the sums over its files. */
    private void checkSums() {
        long rows = manifest.files().stream().mapToLong(Shard::rows).sum();
        if (rows != manifest.rows()) {
            problems.add(Manifest.FILE + ": expected " + Numbers.plain(rows, "row") + " (the sum over its files), got "
                    + manifest.rows());
        }
        String fingerprint = Shard.fingerprint(manifest.files());
        if (!fingerprint.equals(manifest.fingerprint())) {
            problems.add(Manifest.FILE + ": expected fingerprint " + fingerprint + " (the sum over its files), got "
                    + manifest.fingerprint());
        }
        Map<String, Long> quarantined = Shard.quarantined(manifest.files());
        if (!quarantined.equals(manifest.quarantined())) {
            problems.add(Manifest.FILE + ": expected rows set aside " + quarantined + " (the sum over its files), got "
                    + manifest.quarantined());
        }
    }

    private void checkQuarantine(boolean quick) throws IOException {
        Map<String, Long> named = new TreeMap<>();
        for (Shard shard : manifest.files()) {
            if (shard.quarantine() != null) {
                named.put(shard.quarantine(), shard.setAside());
            }
        }
        List<NamedFile> parts =
                files.readable(new Path(table, Manifest.QUARANTINE), Manifest.QUARANTINE + "/", named, true);
        if (!quick && !parts.isEmpty()) {
            readOrNote(() -> checkReasons(parts));
        }
    }

    private void checkReasons(List<NamedFile> parts) {
        Map<String, Long> found = new TreeMap<>();
        read(parts)
                .groupBy(Quarantine.REASON)
                .count()
                .collectAsList()
                .forEach(row -> found.put(row.getString(0), row.getLong(1)));
        if (!found.equals(new TreeMap<>(manifest.quarantined()))) {
            problems.add("'" + Manifest.QUARANTINE + "': expected rows by reason " + manifest.quarantined() + ", got "
                    + found);
        }
    }

    private Dataset<Row> read(List<NamedFile> parts) {
        settings.fit(
                parts.stream().map(part -> part.footer().rows()).reduce(Footers.Rows.NONE, Footers.Rows::and),
                parts.stream().map(part -> part.status().getLen()).toList());
        return PublishedTable.read(
                settings.session(),
                parts.stream().map(part -> part.status().getPath()).toList());
    }

    private void checkKeys(List<NamedFile> parts) {
        String name = parts.get(0).columns().getFieldName(0);
        long rows =
                parts.stream().mapToLong(part -> part.footer().rows().rows()).sum();
        KeyCounts counts = KeyCounts.of(
                List.of(read(parts).select(unique(PublishedTable.column(name)).as(PairedColumns.KEY))),
                SourceTables.auditTasks(rows, settings.shufflePartitions()));
        Row found = counts.rows()
                .agg(
                        coalesce(sum(when(counts.is(Reason.NULL_KEY), counts.pairedRows())), lit(0L)),
                        coalesce(sum(when(counts.isDuplicate(), lit(1L))), lit(0L)))
                .first();
        if (found.getLong(0) > 0) {
            problems.add("column '" + name + "': expected keys, got null in " + Numbers.plain(found.getLong(0), "row"));
        }
        if (found.getLong(1) > 0) {
            problems.add("column '" + name + "': expected each key once, got " + Numbers.plain(found.getLong(1), "key")
                    + " more than once");
        }
    }

    /** What must be unique: the key or, if several runs wrote partitions and none was an update, the key within its run. */
    private Column unique(Column key) {
        long runs = manifest.files().stream().map(Shard::run).distinct().count();
        if (runs < 2 || manifest.update() != null || manifest.partitionBy().isEmpty()) {
            return key;
        }
        Column file = substring_index(input_file_name(), "/", -1);
        return when(key.isNotNull(), struct(regexp_extract(file, Shard.RUN.pattern(), 0), key));
    }

    private void checkFingerprints(List<NamedFile> parts, Map<String, Shard> shards) {
        String key = parts.get(0).columns().getFieldName(0);
        Dataset<Row> all = read(parts);
        Dataset<Row> hashed = all.select(Arrays.stream(all.columns())
                .filter(name -> name.equals(key) || FusedColumn.NAMES.contains(name))
                .map(PublishedTable::column)
                .toArray(Column[]::new));
        Map<String, Long> found = fingerprints(hashed);
        for (NamedFile part : parts) {
            String expected = shards.get(part.name()).fingerprint();
            String path = part.status().getPath().toUri().getPath();
            String got = Shard.hex(found.getOrDefault(path, 0L));
            if (!got.equals(expected)) {
                problems.add("'" + part.name() + "': expected fingerprint " + expected + ", got " + got
                        + ", computed from its rows");
            }
        }
    }

    /** The fingerprint of each file, by its path. Tasks return text, which every serializer handles. */
    private static Map<String, Long> fingerprints(Dataset<Row> rows) {
        StructType schema = rows.schema();
        List<String> sums = SparkRows.internal(rows)
                .mapPartitions(partition -> {
                    RowHash hash = new RowHash(schema);
                    SourceFile file = new SourceFile();
                    Map<String, long[]> byFile = new HashMap<>();
                    while (partition.hasNext()) {
                        long one = hash.of(partition.next());
                        byFile.computeIfAbsent(file.current(), uri -> new long[1])[0] += one;
                    }
                    return byFile.entrySet().stream()
                            .map(sum -> Shard.hex(sum.getValue()[0]) + " " + sum.getKey())
                            .iterator();
                })
                .collect();
        Map<String, Long> byPath = new HashMap<>();
        for (String sum : sums) {
            int end = sum.indexOf(' ');
            String path = SourceFile.path(sum.substring(end + 1));
            byPath.merge(path, Long.parseUnsignedLong(sum.substring(0, end), 16), Long::sum);
        }
        return byPath;
    }

    /** Runs a check. Damaged rows are noted as a problem; a failure that a retry may avoid ends the audit. */
    private void readOrNote(Runnable check) {
        try {
            check.run();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            RuntimeException translated = SparkFailure.translate(failure, "Cannot audit table '" + table + "'");
            if (!(translated instanceof InputException)) {
                throw translated;
            }
            problems.add(translated.getMessage().replaceFirst("^Cannot read feature tables: ", ""));
        }
    }
}
