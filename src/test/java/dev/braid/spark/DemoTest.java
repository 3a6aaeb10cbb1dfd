package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.decode.RowPolicy;
import dev.braid.kernel.Bfloat16;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Partitioning;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.Written;
import dev.braid.task.OutputFiles;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The real data end to end, from Parquet to Parquet, against what PyTorch made of it row by row. */
@ExtendWith(SharedSpark.class)
class DemoTest {
    /** Values reach 3.3; PyTorch's own float32 is up to 8.3e-7 off its float64 here. */
    private static final double TOLERANCE = 2e-5;

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {1, 7})
    void everyEmojiFusesToPyTorchsVector(int partitions, SparkSession spark) throws IOException {
        List<Row> both = fuse(partitions, Precision.FLOAT32, spark);
        for (Row row : both) {
            List<Float> want = row.getList(row.fieldIndex("expected"));
            List<Float> got = row.getList(row.fieldIndex("fused"));
            assertThat(got).hasSize(128);
            for (int i = 0; i < want.size(); i++) {
                assertThat((double) got.get(i))
                        .as("%s, element %d", row.getString(0), i)
                        .isCloseTo(want.get(i), within(TOLERANCE * Math.max(1, Math.abs(want.get(i)))));
            }
        }
    }

    /** Measured: cosines from 0.999997 on, errors up to 7.6e-3. That rounding can be seen shows that it took place. */
    @Test
    void inBfloat16EveryEmojiFusesToPyTorchsDirection(SparkSession spark) throws IOException {
        Bfloat16.library();
        double largestError = 0;
        double smallestCosine = 1;
        for (Row row : fuse(3, Precision.BFLOAT16, spark)) {
            List<Float> want = row.getList(row.fieldIndex("expected"));
            List<Float> got = row.getList(row.fieldIndex("fused"));
            double product = 0;
            double squares = 0;
            double squaresGot = 0;
            for (int i = 0; i < want.size(); i++) {
                product += (double) want.get(i) * got.get(i);
                squares += (double) want.get(i) * want.get(i);
                squaresGot += (double) got.get(i) * got.get(i);
                largestError = Math.max(largestError, Math.abs(got.get(i) - want.get(i)));
            }
            smallestCosine = Math.min(smallestCosine, product / Math.sqrt(squares * squaresGot));
        }
        assertThat(smallestCosine).isBetween(0.99999, 1 - 1e-7);
        assertThat(largestError).isBetween(1e-3, 2e-2);
    }

    /** The key, PyTorch's vector as {@code expected}, and ours as {@code fused}. */
    private List<Row> fuse(int partitions, Precision precision, SparkSession spark) throws IOException {
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        Checkpoint checkpoint = Checkpoint.read("src/demo/model", hadoop);
        TableColumns columns = TableColumns.of(
                checkpoint.config(),
                "codepoints",
                List.of("label"),
                Map.of(),
                Map.of("visual", ElementType.FLOAT16, "text", ElementType.FLOAT16),
                Map.of(),
                Map.of());
        Map<String, String> paths = Map.of("visual", "src/demo/visual.parquet", "text", "src/demo/text.parquet");
        FeatureTables tables = Tables.perModality(spark, paths, columns);
        FusionConfig config = new FusionConfig(
                columns, 256, false, Set.of(Emitted.POOLED), VectorForm.ARRAY, precision, RowPolicy.FAIL);
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        Path output = directory.resolve("fused");

        long rows = tables.audit(RowPolicy.FAIL).rows();
        PairedTable paired = tables.pair(OptionalInt.of(partitions));
        try (FusionEngine engine = FusionEngine.open(spark, checkpoint, Optional.empty(), config)) {
            FusedTable table = Tables.output(output.toString(), false, paths.values(), hadoop);
            OutputFiles.Grouping files = new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE);
            try (RunDirectory run = table.begin("demo", published -> false).orElseThrow()) {
                table.write(
                        run,
                        to -> {
                            List<Shard> shards =
                                    engine.write(paired, to, run.id(), Tables.goodKeys(rows), files, progress);
                            return Written.manifest(run.id(), "demo", shards);
                        },
                        written -> rows,
                        () -> {});
            }
        }

        Dataset<Row> fused = spark.read().parquet(output.toString());
        assertThat(fused.columns()).containsExactly("codepoints", "label", "fused");
        assertThat(rows).isEqualTo(390).isEqualTo(progress.rows()).isEqualTo(fused.count());
        Dataset<Row> expected = spark.read()
                .parquet("src/test/resources/demo/expected_fused.parquet")
                .withColumnRenamed("fused", "expected");
        List<Row> both = fused.join(expected, "codepoints").collectAsList();
        assertThat(both).hasSize(390);
        return both;
    }
}
