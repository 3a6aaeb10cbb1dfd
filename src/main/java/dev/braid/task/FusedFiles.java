package dev.braid.task;

import dev.braid.InputException;
import dev.braid.parquet.FileSchema;
import dev.braid.publish.Shard;
import dev.braid.publish.ShardRecords;
import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import dev.braid.tables.ParquetCheck;
import dev.braid.tables.WriterSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Writes fused rows to files: one or more per task and, in a partitioned table, per partition. Vectors go directly into
 * columns, all other values except partition columns into rows. Driver only.
 */
public final class FusedFiles {
    private final List<StructField> carried;
    private final List<FusedColumn> fused;
    private final List<String> partitionBy;

    /**
     * Files with these columns, in this order.
     *
     * @param carried the carried columns, the key first
     * @param partitionBy the carried columns that name directories; the files do not contain them
     */
    public FusedFiles(List<StructField> carried, List<FusedColumn> fused, List<String> partitionBy) {
        this.carried = carried;
        this.fused = fused;
        this.partitionBy = partitionBy;
    }

    /**
     * Fuses {@code rows} and writes the files that the directory does not have yet.
     *
     * @param division what decides, apart from the number of partitions, which rows each has; empty if the partitions of
     *     another run may have other rows
     * @param run the run, not yet counting the rows that finished tasks have set aside
     * @return what all tasks wrote, in the order of the input's partitions
     * @throws InputException if a row must end the run, or too many are bad
     */
    public List<Shard> write(
            JavaRDD<StoredRow> rows,
            Optional<String> division,
            OutputFiles.Grouping grouping,
            FusePartition partition,
            String directory,
            Quarantine.Run run,
            SparkSession session)
            throws IOException {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        Configuration settings = WriterSettings.of(session);
        ParquetCheck.refuseUnwritable(settings::get, carried.get(0).dataType());
        Path path = new Path(directory);
        FileSystem files = path.getFileSystem(settings);
        // A table without rows may have no partitions, but still needs a file that shows its columns.
        JavaRDD<StoredRow> partitions = rows.getNumPartitions() > 0 ? rows : spark.parallelize(List.of(), 1);
        String plan = division.map(how -> WriterSettings.planDigest(
                        session, settings, partitions.getNumPartitions() + " " + how, run.id()))
                .orElseGet(() -> Shard.ONCE + UUID.randomUUID());
        List<Shard> finished = new ShardRecords(path, files).keepFinished(plan);
        Set<Integer> done = finished.stream()
                .flatMap(shard -> shard.partitions().stream())
                .collect(Collectors.toCollection(HashSet::new));
        JavaRDD<StoredRow> merged = grouping.merge(done.isEmpty() ? partitions : without(partitions, done));
        List<List<Integer>> groups = OutputFiles.groups(merged).stream()
                .map(group ->
                        group.stream().filter(part -> !done.contains(part)).toList())
                .toList();
        partition.countFinished(finished);
        RejectedRows rejected = RejectedRows.start(session.sparkContext(), run.and(finished));
        PartitionPath paths = new PartitionPath(partitionBy, carried);
        FileTask task = new FileTask(partition, schema(), paths, directory, plan, groups, rejected, settings);
        WriterSettings.run(
                spark,
                settings,
                () -> rejected.await(merged.mapPartitionsWithIndex(task, false).collectAsync()));
        List<Shard> own = new ShardRecords(path, files)
                .shards().stream()
                        .filter(shard ->
                                shard.plan().equals(plan)) // Tasks of a driver that lost the output may still end.
                        .toList();
        return complete(own, partitions.getNumPartitions());
    }

    /**
     * Writes the rows with bad keys into the quarantine.
     *
     * @param rows of {@link Quarantine#schema}
     * @return the files, each with its row counts by reason
     */
    public static List<Shard> writeBadKeys(
            JavaRDD<InternalRow> rows, DataType key, String directory, String run, SparkSession session) {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        Configuration settings = WriterSettings.of(session);
        SerializableConfiguration travelling = new SerializableConfiguration(settings);
        int reason = Quarantine.schema(key).fieldIndex(Quarantine.REASON);
        List<String> written = new ArrayList<>();
        WriterSettings.run(
                spark,
                settings,
                () -> written.addAll(rows.mapPartitionsWithIndex(
                                (index, bad) -> {
                                    String name = String.format(Locale.ROOT, "keys-%05d-%s", index, run);
                                    return writeBadKeys(bad, reason, directory, name, key, travelling.value());
                                },
                                false)
                        .collect()));
        return written.stream().map(FusedFiles::ofBadKeys).toList();
    }

    /** In a task: writes the rows to a file, if there are any. Returns its name and counts as text, for every serializer. */
    private static Iterator<String> writeBadKeys(
            Iterator<InternalRow> bad, int reason, String directory, String name, DataType key, Configuration settings)
            throws IOException {
        Map<String, Long> counts = new TreeMap<>();
        try (FileAttempt file = FileTask.quarantine(new Path(directory), name, key, settings)) {
            while (bad.hasNext()) {
                InternalRow row = bad.next();
                counts.merge(new String(SparkRows.text(row, reason), StandardCharsets.UTF_8), 1L, Long::sum);
                file.write(row);
            }
            String published = file.publish();
            StringBuilder text = new StringBuilder(String.valueOf(published));
            counts.forEach(
                    (each, rows) -> text.append(' ').append(each).append(' ').append(rows));
            return published == null
                    ? Collections.emptyIterator()
                    : List.of(text.toString()).iterator();
        }
    }

    private static Shard ofBadKeys(String written) {
        String[] words = written.split(" ", -1);
        Map<String, Long> counts = new TreeMap<>();
        for (int w = 1; w < words.length; w += 2) {
            counts.put(words[w], Long.parseLong(words[w + 1]));
        }
        return new Shard(Shard.KEYS, List.of(), null, 0, 0, 0, null, Shard.hex(0), words[0], counts);
    }

    /** Drops finished partitions, so that their rows are not even read. */
    private static JavaRDD<StoredRow> without(JavaRDD<StoredRow> partitions, Set<Integer> done) {
        return partitions.mapPartitionsWithIndex(
                (index, rows) -> done.contains(index) ? Collections.emptyIterator() : rows, true);
    }

    private static List<Shard> complete(List<Shard> shards, int partitions) throws IOException {
        List<Integer> covered = shards.stream()
                .map(Shard::partitions)
                .distinct() // The shards of a task have the same partitions.
                .flatMap(List::stream)
                .sorted()
                .toList();
        if (!covered.equals(IntStream.range(0, partitions).boxed().toList())) {
            throw new IOException("expected a record of each of " + partitions + " partitions, got " + covered.size()
                    + " in " + shards.size() + " shards");
        }
        return shards.stream()
                .sorted(Comparator.comparing(shard -> shard.partitions().get(0))) // stable
                .toList();
    }

    private boolean isInFiles(int column) {
        return !partitionBy.contains(carried.get(column).name());
    }

    /** The columns of the files. */
    public StructType columns() {
        return new StructType(Stream.concat(
                        IntStream.range(0, carried.size())
                                .filter(this::isInFiles)
                                .mapToObj(carried::get),
                        fused.stream().map(FusedColumn::field))
                .toArray(StructField[]::new));
    }

    /** The columns of the files, and which of them hold vectors. */
    public FileSchema schema() {
        List<String> vectors = fused.stream()
                .filter(FusedColumn::isVector)
                .map(FusedColumn::name)
                .toList();
        return new FileSchema(columns(), vectors);
    }

    public FusedLayout layout() {
        List<Integer> row = new ArrayList<>(IntStream.range(0, carried.size())
                .filter(this::isInFiles)
                .boxed()
                .toList());
        List<Integer> places = new ArrayList<>();
        int vectors = 0;
        for (FusedColumn column : fused) {
            if (column.isVector()) {
                places.add(vectors++);
            } else {
                places.add(row.size());
                row.add(FusedLayout.FUSED);
            }
        }
        return new FusedLayout(row, carried.stream().map(StructField::dataType).toList(), fused, places, true);
    }
}
