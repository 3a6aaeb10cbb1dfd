package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.spark.JvmSettings.Machine;
import dev.braid.spark.JvmSettings.Manager;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

class JvmSettingsTest {
    private static final long MIB = 1 << 20;
    private static final Machine MACHINE = new Machine(16, 3000 * MIB, 9000 * MIB);

    private final Configuration hadoop = new Configuration(false);

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
        JvmSettings jvm = running("spark.master", "yarn", "spark.executor.memory", "8g", "spark.executor.cores", "8");
        assertThat(jvm)
                .isEqualTo(new JvmSettings(Manager.YARN, 8, 1, 8192 * MIB, 858993459L, 0, 8192 * MIB + 858993459L));
        assertThat(running("spark.master", "k8s://https://x", "spark.executor.memory", "2g"))
                .isEqualTo(new JvmSettings(Manager.KUBERNETES, 1, 1, 2048 * MIB, 384 * MIB, 0, 2432 * MIB));
        assertThat(running("spark.master", "yarn", "spark.executor.memoryOverhead", "3g")
                        .limit())
                .isEqualTo(4096 * MIB);
        assertThat(running(
                                "spark.master",
                                "yarn",
                                "spark.executor.memoryOverheadFactor",
                                "0.5",
                                "spark.executor.memory",
                                "4g")
                        .overhead())
                .isEqualTo(2048 * MIB);
        assertThat(running(
                                "spark.master",
                                "yarn",
                                "spark.memory.offHeap.enabled",
                                "true",
                                "spark.memory.offHeap.size",
                                "1g")
                        .limit())
                .isEqualTo((1024 + 384 + 1024) * MIB);
    }

    @Test
    void nothingLimitsAProcessWhereNobodyLooks() {
        assertThat(running("spark.master", "spark://host:7077", "spark.executor.cores", "4"))
                .isEqualTo(new JvmSettings(Manager.STANDALONE, 4, 1, 1024 * MIB, 0, 0, Long.MAX_VALUE));
        assertThat(running("spark.master", "local-cluster[2,3,1024]").slots()).isEqualTo(3);
        hadoop.set("yarn.nodemanager.pmem-check-enabled", "false");
        assertThat(running("spark.master", "yarn").limit()).isEqualTo(Long.MAX_VALUE);
        assertThat(running("spark.master", "k8s://x").limit()).isEqualTo(1408 * MIB);
    }

    @Test
    void executorsArePlannedForWhereTheyAreDescribed() {
        assertThat(JvmSettings.planned(conf("spark.master", "local[2]"), hadoop, MACHINE)
                        .manager())
                .isEqualTo(Manager.LOCAL);
        JvmSettings described = JvmSettings.planned(
                conf("spark.master", "local[2]", "spark.executor.cores", "8", "spark.task.cpus", "2"), hadoop, MACHINE);
        assertThat(described).isEqualTo(new JvmSettings(Manager.YARN, 8, 2, 1024 * MIB, 384 * MIB, 0, 1408 * MIB));
        assertThat(described.slots()).isEqualTo(4);
    }

    private JvmSettings running(String... settings) {
        return JvmSettings.running(conf(settings), hadoop, MACHINE);
    }

    private static SparkConf conf(String... settings) {
        SparkConf conf = new SparkConf(false);
        for (int i = 0; i < settings.length; i += 2) {
            conf.set(settings[i], settings[i + 1]);
        }
        return conf;
    }
}
