package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.plan.JvmSettings.Machine;
import dev.braid.plan.JvmSettings.Manager;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

class JvmSettingsTest {
    private static final long MIB = 1 << 20;
    private static final Machine MACHINE = new Machine(16, 3000 * MIB, 9000 * MIB);

    @Test
    void localTasksShareTheDriversHeapAndTheMachine() {
        assertThat(running("spark.master", "local[3]"))
                .isEqualTo(new JvmSettings(Manager.LOCAL, 3, 1, 3000 * MIB, 0, 0, 9000 * MIB));
        assertThat(running("spark.master", "local").slots()).isEqualTo(1);
        assertThat(running("spark.master", "local[*]", "spark.task.cpus", "4").slots())
                .isEqualTo(4);
        assertThat(running("spark.master", "local[2, 5]").slots()).isEqualTo(2);
        // Executors that a local session has not.
        assertThat(running("spark.master", "local[3]", "spark.executor.memory", "8g")
                        .heap())
                .isEqualTo(3000 * MIB);
    }

    @Test
    void aContainerHasHeapAndOverheadAsSparkAsksForThem() {
        assertThat(planned("spark.master", "yarn", "spark.executor.memory", "8g", "spark.executor.cores", "8"))
                .isEqualTo(new JvmSettings(Manager.YARN, 8, 1, 8192 * MIB, 858993459L, 0, 8192 * MIB + 858993459L));
        assertThat(running("spark.master", "k8s://https://x", "spark.executor.memory", "2g"))
                .isEqualTo(new JvmSettings(Manager.KUBERNETES, 1, 1, 2048 * MIB, 384 * MIB, 0, 2432 * MIB));
        assertThat(running("spark.master", "k8s://x", "spark.executor.memoryOverhead", "3g")
                        .limit())
                .isEqualTo(4096 * MIB);
        String[] factor = {"spark.master", "k8s://x", "spark.executor.memory", "4g", "", "0.5"};
        for (String name :
                new String[] {"spark.executor.memoryOverheadFactor", "spark.kubernetes.memoryOverheadFactor"}) {
            factor[4] = name;
            assertThat(running(factor).overhead()).isEqualTo(2048 * MIB);
        }
        assertThat(running(
                                "spark.master",
                                "k8s://x",
                                "spark.executor.pyspark.memory",
                                "100m",
                                "spark.memory.offHeap.enabled",
                                "true",
                                "spark.memory.offHeap.size",
                                "1g")
                        .limit())
                .isEqualTo((1024 + 384 + 1024 + 100) * MIB);
    }

    /** YARN gives what it likes above what was asked for. */
    @Test
    void nothingIsKnownToLimitAProcessOfYarnOrOfAStandaloneWorker() {
        assertThat(running("spark.master", "spark://host:7077", "spark.executor.cores", "4"))
                .isEqualTo(new JvmSettings(Manager.STANDALONE, 4, 1, 1024 * MIB, 0, 0, Long.MAX_VALUE));
        assertThat(running("spark.master", "local-cluster[2,3,1024]").slots()).isEqualTo(3);
        assertThat(running("spark.master", "yarn"))
                .isEqualTo(new JvmSettings(Manager.YARN, 1, 1, 1024 * MIB, 384 * MIB, 0, Long.MAX_VALUE));
    }

    @Test
    void executorsArePlannedForWhereTheyAreDescribed() {
        assertThat(planned("spark.master", "local[2]").manager()).isEqualTo(Manager.LOCAL);
        JvmSettings described =
                planned("spark.master", "local[2]", "spark.executor.cores", "8", "spark.task.cpus", "2");
        assertThat(described).isEqualTo(new JvmSettings(Manager.YARN, 8, 2, 1024 * MIB, 384 * MIB, 0, 1408 * MIB));
        assertThat(described.slots()).isEqualTo(4);
    }

    private static JvmSettings running(String... settings) {
        return JvmSettings.running(conf(settings), MACHINE);
    }

    private static JvmSettings planned(String... settings) {
        return JvmSettings.planned(conf(settings), MACHINE);
    }

    private static SparkConf conf(String... settings) {
        SparkConf conf = new SparkConf(false);
        for (int i = 0; i < settings.length; i += 2) {
            conf.set(settings[i], settings[i + 1]);
        }
        return conf;
    }
}
