package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.RowPolicy;
import dev.braid.publish.Partitioning;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusedSchema;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.PairedRows;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.tensor.Precision;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(SharedSpark.class)
class OutputFilesTest {
    private final SparkSession spark;

    OutputFilesTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @CsvSource({
        "30000,   2000, 16,   48", // little output: three tasks a slot
        "30000, 128000, 16, 1000", // much: 128 MiB a file
        "  500, 128000, 16,  500", // no more than there are tasks
        "   20,      1, 16,   20", // fewer than three a slot: none is merged
        "  100,      0,  2,    6",
    })
    void filesHoldAbout128MiBButEverySlotKeepsThreeTasks(int tasks, long megabytes, int slots, int files) {
        assertThat(OutputFiles.count(tasks, megabytes << 20, slots)).isEqualTo(files);
    }

    @Test
    void sizesThatPassTheRangeOfAnIntAreCounted() {
        assertThat(OutputFiles.count(Integer.MAX_VALUE, Long.MAX_VALUE / 2, Integer.MAX_VALUE))
                .isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void tasksAreMergedInOrderWithoutAShuffle() {
        JavaRDD<Long> rows = spark.range(0, 100, 1, 40).toJavaRDD();

        JavaRDD<Long> merged = new OutputFiles.Grouping(OptionalInt.empty(), 1000, Partitioning.NONE).merge(rows);
        assertThat(merged.getNumPartitions()).isEqualTo(6); // local[2]
        assertThat(merged.collect()).isEqualTo(rows.collect());
        assertThat(OutputFiles.groups(merged).stream().flatMap(List::stream))
                .containsExactlyElementsOf(IntStream.range(0, 40).boxed().toList());
        assertThat(OutputFiles.groups(rows)).hasSize(40).endsWith(List.of(39));
        assertThat(new OutputFiles.Grouping(OptionalInt.of(1), Long.MAX_VALUE / 2, Partitioning.NONE)
                        .merge(rows)
                        .getNumPartitions())
                .isEqualTo(1);
        assertThat(new OutputFiles.Grouping(OptionalInt.of(1000), 0, Partitioning.NONE).merge(rows))
                .isSameAs(rows);
    }

    @Test
    void theFormOfVectorsDecidesTheBytesOfANumber() {
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, null, null);
        ModelConfig model = PairedRows.model(columns, false, Pooling.MEAN);
        Map<VectorForm, Long> expected = Map.of(
                VectorForm.ARRAY, 1600L, VectorForm.FLOAT32, 1600L, VectorForm.FLOAT16, 800L, VectorForm.INT8, 400L);
        expected.forEach((form, bytes) -> {
            FusionConfig config = new FusionConfig(
                    columns, 9, false, Set.of(Emitted.POOLED), form, Precision.FLOAT32, RowPolicy.FAIL);
            assertThat(FusedSchema.bytes(config, model, 100, 0)).as("%s", form).isEqualTo(bytes);
        });
    }
}
