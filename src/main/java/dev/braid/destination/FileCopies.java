package dev.braid.destination;

import dev.braid.InputException;
import dev.braid.parquet.FileSchema;
import dev.braid.publish.Json;
import dev.braid.publish.Lengths;
import dev.braid.publish.Manifest;
import dev.braid.publish.Shard;
import dev.braid.rows.SourceFile;
import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import dev.braid.spark.ChosenRows;
import dev.braid.spark.TableColumns;
import dev.braid.storage.Footers;
import dev.braid.storage.StorageCalls;
import dev.braid.tables.JobDescription;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SparkSettings;
import dev.braid.tables.WriterSettings;
import dev.braid.task.FusedColumn;
import dev.braid.task.FusedFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;

/**
 * Copies published files without some of their rows, one file per task. Each value that stays is the same to the bit, and a
 * copy is in the partition of its file. All rows are hashed on the way; a file that does not match its manifest is an error.
 * Driver only.
 */
final class FileCopies {
    /** More bytes than any file has, so that each task reads exactly one file. */
    private static final String A_FILE_EACH = String.valueOf(1L << 40);

    private final SparkSession spark;
    private final TableColumns columns;
    private final List<FusedColumn> fused;

    /**
     * Copies files with these columns.
     *
     * @param columns the columns in the files
     * @param fused the columns of results
     */
    FileCopies(SparkSession spark, TableColumns columns, List<FusedColumn> fused) {
        this.spark = spark;
        this.columns = columns;
        this.fused = fused;
    }

    /**
     * Writes the copies.
     *
     * @param files of the table
     * @param keys of the rows to leave out
     * @param few whether the keys are few enough to be sent to every executor
     * @param directory for the copies
     * @param run the run's identifier, part of the copies' names
     * @return the records of the copies; a file that keeps no row has none
     * @throws InputException if a file does not hold the rows that its record states
     */
    @SuppressWarnings("try") // the description lasts while it is open
    List<Shard> write(Path table, List<Shard> files, Dataset<Row> keys, boolean few, String directory, String run)
            throws IOException {
        SparkSettings reading = SparkSettings.reading(spark);
        fit(reading, table, files);
        SparkSession session = reading.session();
        session.conf().set("spark.sql.files.maxPartitionBytes", A_FILE_EACH);
        session.conf().set("spark.sql.files.openCostInBytes", A_FILE_EACH);
        session.conf().set("spark.sql.files.maxPartitionNum", String.valueOf(Integer.MAX_VALUE));
        Dataset<Row> all = PublishedTable.read(
                session,
                files.stream().map(file -> new Path(table, file.file())).toList());
        Dataset<Row> rows = all.select(columnsInOrder());
        List<StructField> carried = Stream.concat(Stream.of(columns.key()), columns.keep().stream())
                .map(name -> renamed(name, all.schema().apply(name)))
                .toList();
        FileSchema schema = new FusedFiles(carried, fused, List.of()).schema();
        Configuration settings = WriterSettings.of(session);
        JavaRDD<StoredRow> stored = SparkRows.planned(rows, 0);
        Dataset<Row> keyed = all.select(PublishedTable.column(columns.key()).as(PairedColumns.KEY));
        JavaRDD<long[]> gone = ChosenRows.numbers(keyed, keys, few, stored.getNumPartitions());
        CopyTask task = new CopyTask(rows.schema(), schema, fused.size(), table, directory, run, settings);
        List<String> copies = new ArrayList<>();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(session.sparkContext());
        try (JobDescription copying = JobDescription.of(context, "copy the rows of " + table + " that stay")) {
            WriterSettings.run(
                    context,
                    settings,
                    () -> copies.addAll(stored.zipPartitions(gone, task).collect()));
        }
        return records(
                table,
                files,
                copies.stream()
                        .map(text -> Json.parse(text, CopyTask.Copy.class))
                        .toList());
    }

    /** Fits the reader's batch size to the size of the rows. */
    private void fit(SparkSettings reading, Path table, List<Shard> files) throws IOException {
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        FileSystem system = table.getFileSystem(hadoop);
        List<FileStatus> statuses = StorageCalls.all(files, file -> system.getFileStatus(new Path(table, file.file())));
        Footers.All footers = Footers.read(statuses, name -> true, hadoop);
        reading.fit(footers.rows(), statuses.stream().map(FileStatus::getLen).toList());
    }

    private static StructField renamed(String name, StructField field) {
        return new StructField(name, field.dataType(), true, field.metadata());
    }

    /** The key, then the fused columns in the order in which they are hashed, then the others. */
    private Column[] columnsInOrder() {
        return Stream.of(Stream.of(columns.key()), fused.stream().map(FusedColumn::name), columns.keep().stream())
                .flatMap(Function.identity())
                .map(PublishedTable::column)
                .toArray(Column[]::new);
    }

    private List<Shard> records(Path table, List<Shard> files, List<CopyTask.Copy> copies) {
        Map<String, Shard> byPath = files.stream()
                .collect(Collectors.toMap(
                        shard -> new Path(table, shard.file()).toUri().getPath(), Function.identity()));
        Map<String, Long> rows = new TreeMap<>();
        Map<String, Long> fingerprints = new TreeMap<>();
        List<Shard> records = new ArrayList<>();
        for (CopyTask.Copy copy : copies) {
            double tokens = 0;
            double truncated = 0;
            List<Shard> copied = new ArrayList<>();
            for (CopyTask.Part part : copy.parts()) {
                String path = SourceFile.path(part.file());
                Shard shard = byPath.get(path);
                copied.add(shard);
                rows.merge(path, part.rows(), Long::sum);
                fingerprints.merge(path, Long.parseUnsignedLong(part.fingerprint(), 16), Long::sum);
                double share = (double) part.kept() / shard.rows();
                tokens += shard.tokens() * share;
                truncated += shard.truncated() * share;
            }
            if (copy.file() != null) {
                records.add(copied.get(0)
                        .copied(
                                copy.file(),
                                copy.rows(),
                                copy.counted() ? copy.tokens() : Math.round(tokens),
                                Math.round(truncated),
                                copy.counted() ? copy.lengths() : Lengths.of(copied),
                                copy.fingerprint()));
            }
        }
        List<String> problems = new ArrayList<>();
        byPath.forEach((path, shard) -> {
            long found = rows.getOrDefault(path, 0L);
            String fingerprint = Shard.hex(fingerprints.getOrDefault(path, 0L));
            if (found != shard.rows() || !fingerprint.equals(shard.fingerprint())) {
                problems.add("'" + shard.file() + "': expected " + shard.rows() + " rows of fingerprint "
                        + shard.fingerprint() + " (" + Manifest.FILE + "), got " + found + " of " + fingerprint);
            }
        });
        if (!problems.isEmpty()) {
            throw InputException.of(
                    "Cannot update '" + table + "'; restore the table, or write it anew with '--overwrite'", problems);
        }
        return records;
    }
}
