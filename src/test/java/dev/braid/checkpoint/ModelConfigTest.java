package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Activation;
import java.util.List;
import org.junit.jupiter.api.Test;

class ModelConfigTest {
    private static final List<ModalityConfig> MODALITIES =
            List.of(new ModalityConfig("visual", 2), new ModalityConfig("text", 3));
    private static final LayerConfig LAYER = new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true);

    private static void assertShortest(ModelConfig config, int tokens, String added) {
        assertThat(config.fewestTokens()).isEqualTo(tokens);
        assertThat(config.shortestRow()).isEqualTo("a token per modality of the model" + added);
    }

    @Test
    void theShortestRowCountsEveryTokenThatTheModelAdds() {
        assertShortest(ModelConfig.singleStream(MODALITIES, false, 1, LAYER, Pooling.MEAN), 2, "");
        assertShortest(ModelConfig.singleStream(MODALITIES, true, 1, LAYER, Pooling.MEAN), 3, ", and CLS");
        ModelConfig decoder = new ModelConfig(
                MODALITIES,
                List.of(
                        new StreamConfig("visual", 4, 3, List.of(0), List.of()),
                        new StreamConfig("text", 4, 0, List.of(1), List.of())),
                List.of(new StackConfig(StackConfig.Kind.DECODER, 1, 0, 1, LAYER)),
                List.of(1),
                PositionConfig.NONE,
                Pooling.MEAN);
        assertShortest(decoder, 5, ", and 3 learned tokens");
        VectorStep joined = new VectorStep(VectorStep.Kind.CONCAT, "fused", List.of(0, 1), 5, null, null, 0);
        assertShortest(ModelConfig.ofVectors(MODALITIES, List.of(joined)), 3, ", and the fused vector");
    }
}
