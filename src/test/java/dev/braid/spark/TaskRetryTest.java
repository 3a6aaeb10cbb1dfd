package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Partitioning;
import dev.braid.task.OutputFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks that fail and are tried again, in a Spark of their own, which allows it. */
class TaskRetryTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");

    @Tag("slow")
    @Test
    void attemptsThatFailedCountNothingAndLeaveNoRow(@TempDir Path directory) throws Exception {
        List<String> lines = ChildJvm.run(Map.of(), Main.class, directory.resolve("out"));

        assertThat(lines).hasSize(4);
        assertThat(lines.get(0)).startsWith(GOLDEN.rows() + " rows written and counted, files 3, fingerprint ");
        assertThat(lines).containsOnly(lines.get(0));
    }

    /**
     * Writes the fused table four times, through Spark and by itself; every second time the first two attempts of each task
     * fail after they have read their third row.
     */
    static final class Main {
        private static final Map<Long, Integer> ROWS_READ = new ConcurrentHashMap<>();

        public static void main(String[] arguments) throws Exception {
            try (SparkSession spark = SparkSession.builder()
                    .master("local[2,3]")
                    .config("spark.ui.enabled", false)
                    .config("spark.driver.host", "localhost")
                    .config("spark.driver.bindAddress", "127.0.0.1")
                    .getOrCreate()) {
                FusionConfig config = new FusionConfig(GOLDEN.columns("label"), 20, false, Set.of(Emitted.POOLED));
                try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
                    for (boolean bySpark : new boolean[] {true, false}) {
                        for (boolean failing : new boolean[] {false, true}) {
                            print(engine, spark, arguments[0] + bySpark + failing, bySpark, failing);
                        }
                    }
                }
            }
        }

        private static void print(
                FusionEngine engine, SparkSession spark, String output, boolean bySpark, boolean failing)
                throws IOException {
            FusionProgress progress = FusionProgress.start(spark.sparkContext());
            Dataset<Row> golden = GOLDEN.paired(spark, GoldenTable.NESTED).repartition(3);
            Dataset<Row> table = failing ? golden.filter((FilterFunction<Row>) Main::failTwice) : golden;
            PairedTable paired = PairedTable.of(table, GOLDEN.columns("label"));
            if (bySpark) {
                engine.fuse(paired, progress).write().parquet(output);
            } else {
                Files.createDirectory(Path.of(output));
                engine.write(
                        paired,
                        output,
                        "run",
                        Tables.goodKeys(GOLDEN.rows()),
                        new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                        progress);
            }
            long written = spark.read().parquet(output).select("id").distinct().count();
            long files;
            try (var list = Files.list(Path.of(output))) {
                files = list.filter(file -> file.getFileName().toString().matches("part-.*\\.parquet"))
                        .count();
            }
            System.out.println((written == progress.rows()
                            ? written + " rows written and counted"
                            : written + " rows written, " + progress.rows() + " counted")
                    + ", files " + files + ", fingerprint " + progress.fingerprint());
        }

        private static boolean failTwice(Row row) {
            TaskContext task = TaskContext.get();
            int rows = ROWS_READ.merge(task.taskAttemptId(), 1, Integer::sum);
            if (task.attemptNumber() < 2 && rows == 3) {
                throw new IllegalStateException("attempt " + task.attemptNumber() + " at " + row.get(0));
            }
            return true;
        }
    }
}
