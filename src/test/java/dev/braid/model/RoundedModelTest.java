package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models of a precision below float32: as near as it comes to PyTorch, and the same bits whatever stands beside a row. */
abstract class RoundedModelTest {
    private final Precision precision;
    private final double leastCosine;

    /** @param leastCosine of any golden model */
    RoundedModelTest(Precision precision, double leastCosine) {
        this.precision = precision;
        this.leastCosine = leastCosine;
    }

    /** Skips the calling test where the processor lacks it. */
    abstract KernelLibrary library();

    static Stream<String> models() throws Exception {
        return GoldenParityTest.cases()
                .map(arguments -> arguments.get()[0].toString())
                .distinct();
    }

    @ParameterizedTest
    @MethodSource("models")
    void everyVectorHasPyTorchsDirectionButNotItsNumbers(String name) {
        KernelLibrary library = library();
        String directory = GoldenParityTest.GOLDEN.resolve(name).toString();
        Checkpoint stored = Checkpoint.read(directory, new Configuration());
        Golden golden =
                Golden.read(directory, stored.config(), new Configuration()).orElseThrow();
        Checkpoint checkpoint = stored.withTokenIds(golden.tokenIds(), directory, new Configuration());
        try (FusionModel model = FusionModel.load(checkpoint, library)) {
            GoldenResult result = new GoldenCheck(golden, 1e-9, precision).verify(model);
            assertThat(result.smallest().value()).isGreaterThanOrEqualTo(leastCosine);
            assertThat(result.largest().error()).isGreaterThan(1e-4);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void packedRowsHaveTheBitsOfRowsAlone(long seed) {
        Random random = new Random(seed);
        ModelConfig config = ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 2048), new ModalityConfig("text", 13)),
                false,
                2,
                new LayerConfig(39, 3, 37 + (int) seed, Activation.GELU, seed % 2 == 0, 1e-5f, true),
                Pooling.MEAN);
        List<List<FeatureSequence>> rows = new ArrayList<>();
        int tokens = 0;
        for (int row = 0; row < 5 + random.nextInt(20); row++) {
            int visual = 1 + random.nextInt(row == 0 ? 180 : 20);
            int text = 1 + random.nextInt(20);
            rows.add(List.of(StoredFloats.normal(random, visual, 2048), StoredFloats.normal(random, text, 13)));
            tokens += visual + text;
        }
        try (FusionModel model = FusionModel.load(RandomCheckpoint.of(config, seed), library());
                FusionWorkspace together = model.workspace(tokens);
                FusionWorkspace alone = model.workspace(tokens)) {
            rows.forEach(together.batch()::add);
            model.fuse(together);
            for (int row = 0; row < rows.size(); row++) {
                alone.batch().clear();
                alone.batch().add(rows.get(row));
                model.fuse(alone);
                assertThat(alone.tokens(0)).as("row %d", row).isDeepEqualTo(together.tokens(row));
            }
        }
    }
}
