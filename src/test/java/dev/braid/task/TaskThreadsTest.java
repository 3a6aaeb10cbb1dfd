package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.NativeThreads;
import dev.braid.kernel.Matrix;
import dev.braid.progress.FusionProgress;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngines;
import dev.braid.spark.GoldenTable;
import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Locally as on executors, a task computes on {@code spark.task.cpus} threads, to the same bits. */
@EnabledOnOs(OS.LINUX)
class TaskThreadsTest {

    @Tag("slow")
    @Test
    void aTaskComputesOnAsManyThreadsAsItHasProcessors() throws Exception {
        Map<String, String> environment = Map.of("OMP_NUM_THREADS", "8");
        List<String> lines = ChildJvm.run(environment, Main.class, 1, 2, 5);
        String fingerprint = lines.get(1);
        assertThat(lines)
                .containsExactly(
                        "0 helpers, 0 native threads",
                        fingerprint,
                        "1 helpers, 0 native threads",
                        fingerprint,
                        "4 helpers, 0 native threads",
                        fingerprint);
    }

    /** For each number of processors per task: fuses one table, prints how many threads helped the task and the fingerprint. */
    static final class Main {
        /** Of the threads that run tasks, as Linux cuts it. */
        private static final String NAME = "Executor task launch worker".substring(0, 15);

        public static void main(String[] arguments) throws Exception {
            // The pool that a BLAS starts when it is loaded, and that stays idle, takes this thread's name.
            Matrix.allocate(1, 1).close();
            for (String cpus : arguments) {
                fuse(cpus);
            }
        }

        private static void fuse(String cpus) throws IOException, InterruptedException {
            try (SparkSession spark = SparkSession.builder()
                    .master("local[" + cpus + "]")
                    .config("spark.task.cpus", cpus)
                    .config("spark.ui.enabled", false)
                    .config("spark.driver.host", "localhost")
                    .config("spark.driver.bindAddress", "127.0.0.1")
                    .getOrCreate()) {
                GoldenTable golden = GoldenTable.read("hundreds-of-tokens");
                Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED);
                for (int doubled = 0; doubled < 4; doubled++) {
                    table = table.union(table);
                }
                FusionProgress progress = FusionProgress.start(spark.sparkContext());
                Dataset<Row> fused = FusionEngines.fuse(
                        table.coalesce(1),
                        golden.checkpoint(),
                        new FusionConfig(
                                golden.columns("label"), golden.largestRow(), false, EnumSet.allOf(Emitted.class)),
                        progress);
                Thread run = new Thread(fused::collectAsList);
                run.start();
                long helpers = 0;
                while (run.isAlive()) {
                    helpers = Math.max(helpers, NativeThreads.named(Lanes.HELPER));
                    Thread.sleep(1);
                }
                System.out.println(
                        helpers + " helpers, " + (NativeThreads.named(NAME) - named(NAME)) + " native threads");
                System.out.println(progress.fingerprint());
            }
        }

        /** Java threads whose names begin so. */
        private static long named(String name) {
            return Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().startsWith(name))
                    .count();
        }
    }
}
