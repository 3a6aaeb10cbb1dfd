package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks that fail and are tried again, in a Spark of their own, which allows it. */
class TaskRetryTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");

    @Test
    void attemptsThatFailedCountNothingAndLeaveNoRow(@TempDir Path directory) throws Exception {
        List<String> lines =
                ChildJvm.run(Map.of(), Main.class, directory.resolve("steady"), directory.resolve("retried"));

        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).startsWith(GOLDEN.rows() + " rows written and counted, fingerprint ");
        assertThat(lines.get(1)).isEqualTo(lines.get(0));
    }

    /** Writes the fused table twice; the second time the first two attempts of each task fail after their first row. */
    static final class Main {
        public static void main(String[] arguments) throws Exception {
            try (SparkSession spark = SparkSession.builder()
                    .master("local[2,3]")
                    .config("spark.ui.enabled", false)
                    .config("spark.driver.host", "localhost")
                    .config("spark.driver.bindAddress", "127.0.0.1")
                    .getOrCreate()) {
                FusionConfig config = new FusionConfig(GOLDEN.columns("label"), 20, false, Set.of(Emitted.POOLED));
                try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
                    for (String output : arguments) {
                        print(engine, spark, output, output.endsWith("retried"));
                    }
                }
            }
        }

        private static void print(FusionEngine engine, SparkSession spark, String output, boolean failing) {
            FusionProgress progress = FusionProgress.start(spark.sparkContext());
            Dataset<Row> table = GOLDEN.paired(spark, GoldenTable.NESTED).repartition(3);
            Dataset<Row> fused = engine.fuse(PairedTable.of(table, GOLDEN.columns("label")), progress);
            (failing ? fused.filter((FilterFunction<Row>) Main::failTwice) : fused)
                    .write()
                    .parquet(output);
            long written = spark.read().parquet(output).select("id").distinct().count();
            System.out.println((written == progress.rows()
                            ? written + " rows written and counted"
                            : written + " rows written, " + progress.rows() + " counted")
                    + ", fingerprint " + progress.fingerprint());
        }

        private static boolean failTwice(Row row) {
            if (TaskContext.get().attemptNumber() < 2) {
                throw new IllegalStateException("attempt " + TaskContext.get().attemptNumber() + " at " + row.get(0));
            }
            return true;
        }
    }
}
