package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.failure.TransientException;
import dev.braid.model.FusionModel;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.SharedSpark;
import dev.braid.tensor.Precision;
import java.lang.reflect.Field;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SharedSpark.class)
class BroadcastModelTest {
    private final SparkSession spark;

    BroadcastModelTest(SparkSession spark) {
        this.spark = spark;
    }

    /** One bit, anywhere: in a name, a shape, a weight. */
    @Test
    @SuppressWarnings("unchecked")
    void aModelThatArrivesWithAnotherBitIsNotUsed() throws Exception {
        BroadcastModel model = BroadcastModel.of(
                JavaSparkContext.fromSparkContext(spark.sparkContext()),
                GoldenTable.read("seed-small").checkpoint(),
                Optional.empty(),
                Precision.FLOAT32);
        model.load().close();
        Field chunks = BroadcastModel.class.getDeclaredField("chunks");
        chunks.setAccessible(true);
        byte[] bytes = ((List<Broadcast<byte[]>>) chunks.get(model)).get(0).value();
        Random random = new Random(1);
        for (int flip = 0; flip < 20; flip++) {
            int at = random.nextInt(bytes.length);
            bytes[at] ^= 1;
            assertThatThrownBy(model::load)
                    .isInstanceOf(TransientException.class)
                    .hasMessageMatching("On executor 'driver' \\(.*\\): Cannot load the model: expected the bytes that"
                            + " the driver sent \\(SHA-256 [0-9a-f]{16}\\.\\.\\.\\), got others"
                            + " \\([0-9a-f]{16}\\.\\.\\.\\); they were damaged .*");
            bytes[at] ^= 1;
        }
        try (FusionModel loaded = model.load()) {
            assertThat(loaded.config())
                    .isEqualTo(GoldenTable.read("seed-small").checkpoint().config());
        }
    }
}
