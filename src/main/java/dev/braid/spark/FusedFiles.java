package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.parquet.FileSchema;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

/** Writes fused rows to files, a task each: vectors go into columns of their own, all else into rows. Driver only. */
final class FusedFiles {
    private final List<StructField> carried;
    private final List<FusedColumn> fused;

    /**
     * Files of these columns, in this order.
     *
     * @param carried with the key first
     */
    FusedFiles(List<StructField> carried, List<FusedColumn> fused) {
        this.carried = carried;
        this.fused = fused;
    }

    /**
     * Fuses {@code rows} and writes what is not finished in the directory yet.
     *
     * @param run without the rows that finished tasks have set aside
     * @return the records of all tasks, in the order of their partitions
     * @throws InputException if a row must end the run, or too many are bad
     */
    List<Shard> write(
            JavaRDD<StoredRow> rows,
            OutputFiles.Grouping grouping,
            FusePartition partition,
            String directory,
            Quarantine.Run run,
            SparkSession session)
            throws IOException {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        Configuration settings = SparkSettings.writing(session);
        ParquetCheck.refuseUnwritable(settings::get, carried.get(0).dataType());
        Path path = new Path(directory);
        FileSystem files = path.getFileSystem(settings);
        // A table without rows may have no partition, and its file shows its columns.
        JavaRDD<StoredRow> partitions = rows.getNumPartitions() > 0 ? rows : spark.parallelize(List.of(), 1);
        String plan = SparkSettings.planDigest(session, settings, partitions.getNumPartitions());
        List<Shard> finished = RunDirectory.finishedShards(path, plan, files);
        Set<Integer> done = finished.stream()
                .flatMap(shard -> shard.partitions().stream())
                .collect(Collectors.toCollection(HashSet::new));
        JavaRDD<StoredRow> merged = grouping.merge(done.isEmpty() ? partitions : without(partitions, done));
        List<List<Integer>> groups = OutputFiles.groups(merged).stream()
                .map(group ->
                        group.stream().filter(part -> !done.contains(part)).toList())
                .toList();
        partition.resumes(finished);
        RejectedRows rejected = RejectedRows.start(session.sparkContext(), run.and(finished));
        FileTask task = new FileTask(partition, schema(), directory, plan, groups, rejected, settings);
        SparkSettings.run(
                spark,
                settings,
                () -> rejected.await(merged.mapPartitionsWithIndex(task, false).collectAsync()));
        return complete(RunDirectory.shards(path, files), partitions.getNumPartitions());
    }

    /** Writes the rows of keys that are bad into the quarantine. */
    static void writeBadKeys(
            JavaRDD<InternalRow> rows, DataType key, String directory, String run, SparkSession session) {
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        Configuration settings = SparkSettings.writing(session);
        SerializableConfiguration travelling = new SerializableConfiguration(settings);
        SparkSettings.run(
                spark,
                settings,
                () -> rows.mapPartitionsWithIndex(
                                (index, bad) -> {
                                    String name = String.format(Locale.ROOT, "keys-%05d-%s", index, run);
                                    try (FileAttempt file =
                                            FileTask.quarantine(new Path(directory), name, key, travelling.value())) {
                                        while (bad.hasNext()) {
                                            file.write(bad.next());
                                        }
                                        file.publish();
                                    }
                                    return Collections.<Void>emptyIterator();
                                },
                                false)
                        .collect());
    }

    /** The rows of finished partitions are not even read. */
    private static JavaRDD<StoredRow> without(JavaRDD<StoredRow> partitions, Set<Integer> done) {
        return partitions.mapPartitionsWithIndex(
                (index, rows) -> done.contains(index) ? Collections.emptyIterator() : rows, true);
    }

    private static List<Shard> complete(List<Shard> shards, int partitions) throws IOException {
        List<Integer> covered = shards.stream()
                .flatMap(shard -> shard.partitions().stream())
                .sorted()
                .toList();
        if (!covered.equals(IntStream.range(0, partitions).boxed().toList())) {
            throw new IOException("expected a record of each of " + partitions + " partitions, got " + covered.size()
                    + " in " + shards.size() + " records");
        }
        return shards.stream()
                .sorted(Comparator.comparing(shard -> shard.partitions().get(0)))
                .toList();
    }

    private FileSchema schema() {
        StructType columns = new StructType(carried.toArray(StructField[]::new));
        List<String> vectors = new ArrayList<>();
        for (FusedColumn column : fused) {
            columns = columns.add(column.field());
            if (column.isVector()) {
                vectors.add(column.name());
            }
        }
        return new FileSchema(columns, vectors);
    }

    FusedLayout layout() {
        List<Integer> row =
                new ArrayList<>(IntStream.range(0, carried.size()).boxed().toList());
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
