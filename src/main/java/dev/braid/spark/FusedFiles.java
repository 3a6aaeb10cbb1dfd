package dev.braid.spark;

import dev.braid.parquet.FileSchema;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

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
     * Fuses {@code rows} and writes them; unfinished files are gone then.
     *
     * @param directory that exists
     */
    void write(JavaRDD<StoredRow> rows, FusePartition partition, String directory, SparkSession session)
            throws IOException {
        Configuration settings = SparkSettings.writing(session);
        Path attempts = FileTask.attempts(directory);
        FileSystem files = attempts.getFileSystem(settings);
        files.mkdirs(attempts);
        FileTask task = new FileTask(partition, schema(), directory, settings);
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        // A table without rows may have no partition, and its file shows its columns.
        JavaRDD<StoredRow> partitions = rows.getNumPartitions() > 0 ? rows : spark.parallelize(List.of(), 1);
        SparkSettings.run(
                spark,
                settings,
                () -> partitions.mapPartitionsWithIndex(task, false).collect());
        files.delete(attempts, true);
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
