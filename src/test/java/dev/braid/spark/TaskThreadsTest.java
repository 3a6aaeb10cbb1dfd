package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.NativeThreads;
import dev.braid.kernel.Matrix;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Locally as on executors, a task computes on {@code spark.task.cpus} threads. */
@EnabledOnOs(OS.LINUX)
class TaskThreadsTest {

    @Test
    void aTaskComputesOnAsManyThreadsAsItHasProcessors() throws Exception {
        Map<String, String> environment = Map.of("OMP_NUM_THREADS", "8");
        List<String> one = ChildJvm.run(environment, Main.class, 1);
        List<String> two = ChildJvm.run(environment, Main.class, 2);

        assertThat(one.get(0)).isEqualTo("0 threads beside a task's own");
        assertThat(two.get(0)).isEqualTo("1 threads beside a task's own");
        assertThat(two.get(1)).isEqualTo(one.get(1));
    }

    /** Fuses one table, and prints how many threads the task's thread has started, and the run's fingerprint. */
    static final class Main {
        /** Of the threads that run tasks, as Linux cuts it. */
        private static final String NAME = "Executor task launch worker".substring(0, 15);

        public static void main(String[] arguments) throws Exception {
            // The pool that a BLAS starts when it is loaded, and that stays idle, takes this thread's name.
            Matrix.allocate(1, 1).close();
            try (SparkSession spark = SparkSession.builder()
                    .master("local[2]")
                    .config("spark.task.cpus", arguments[0])
                    .config("spark.ui.enabled", false)
                    .config("spark.driver.host", "localhost")
                    .config("spark.driver.bindAddress", "127.0.0.1")
                    .getOrCreate()) {
                GoldenTable golden = GoldenTable.read("hundreds-of-tokens");
                Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED).coalesce(1);
                FusionProgress progress = FusionProgress.start(spark.sparkContext());
                Dataset<Row> fused = FusionEngines.fuse(
                        table,
                        golden.checkpoint(),
                        new FusionConfig(
                                golden.columns("label"), golden.largestRow(), false, EnumSet.allOf(Emitted.class)),
                        progress);
                fused.collectAsList();
                long ofJava = Thread.getAllStackTraces().keySet().stream()
                        .filter(thread -> thread.getName().startsWith(NAME))
                        .count();
                System.out.println((NativeThreads.named(NAME) - ofJava) + " threads beside a task's own");
                System.out.println(progress.fingerprint());
            }
        }
    }
}
