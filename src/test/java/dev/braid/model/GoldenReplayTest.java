package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Precision;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;

/** A model that is not the one of the golden file is found out, with the place where it goes wrong. */
class GoldenReplayTest {
    private static final String DIRECTORY =
            GoldenParityTest.GOLDEN.resolve("seed-small").toString();
    private static final Checkpoint CHECKPOINT = Checkpoint.read(DIRECTORY, new Configuration());
    private static final Golden GOLDEN =
            Golden.read(DIRECTORY, CHECKPOINT.config(), new Configuration()).orElseThrow();

    private static GoldenResult verify(ModelConfig config, double tolerance) {
        try (FusionModel model =
                FusionModel.load(new Checkpoint(config, CHECKPOINT.weights()), KernelLibrary.portable())) {
            return new GoldenCheck(GOLDEN, tolerance).verify(model);
        }
    }

    @Test
    void theModelOfTheFilePasses() {
        GoldenResult result = verify(CHECKPOINT.config(), 2e-5);
        assertThat(result.rows()).isEqualTo(4);
        assertThat(result.largest().error()).isBetween(1e-9, 2e-5);
    }

    @Test
    void aWrongNormOrderIsNamedWithTheFirstLayer() {
        assertThatThrownBy(() -> verify(preNorm(CHECKPOINT.config()), 1e-4))
                .isInstanceOf(InputException.class)
                .hasMessageMatching(
                        "Cannot reproduce golden.safetensors: expected every number within 1e-04 of"
                                + " PyTorch's \\(--tolerance, relative to the root mean square of its vector\\), got an error of \\d\\.\\de[-+]\\d\\d"
                                + " \\('(fused|pooled|layers.\\d)', row \\d, token \\d+, element \\d+: \\S+ instead of \\S+\\);"
                                + " the first layer that differs is layers.0; compare num_attention_heads, norm_first, hidden_act"
                                + " and layer_norm_eps, or the steps, in config.json with the trained model, or export it again");
    }

    @Test
    void theToleranceIsTheOneAskedFor() {
        assertThat(verify(CHECKPOINT.config(), 1e-3).rows()).isEqualTo(4);
        assertThatThrownBy(() -> verify(CHECKPOINT.config(), 1e-9))
                .hasMessageContaining("within 1e-09")
                .hasMessageEndingWith("float32 itself is not more exact: raise the tolerance");
    }

    @Test
    void inBfloat16TheDirectionIsHeldInstead() {
        try (FusionModel model = FusionModel.load(CHECKPOINT, KernelLibrary.portable())) {
            GoldenResult result = new GoldenCheck(GOLDEN, 1e-12, Precision.BFLOAT16).verify(model);
            assertThat(result.smallest().value()).isBetween(1 - 1e-9, 1.0);
            assertThat(result.smallest().tensor()).isEqualTo("pooled");
        }
        Checkpoint wrong = new Checkpoint(preNorm(CHECKPOINT.config()), CHECKPOINT.weights());
        try (FusionModel model = FusionModel.load(wrong, KernelLibrary.portable())) {
            assertThatThrownBy(() -> new GoldenCheck(GOLDEN, 1e9, Precision.BFLOAT16).verify(model))
                    .isInstanceOf(InputException.class)
                    .hasMessageMatching(
                            "Cannot reproduce golden.safetensors in bf16: expected a cosine of at least 0.999"
                                    + " with every vector of PyTorch's, got 0\\.5\\d{5} \\('pooled', row \\d\\);"
                                    + " drop '--precision bf16'");
        }
    }

    @Test
    void whereTheModelDoesNotPoolTheDirectionOfEveryTokenCounts() {
        Checkpoint tokensOnly = CHECKPOINT.withPooling(Pooling.NONE);
        try (FusionModel model = FusionModel.load(tokensOnly, KernelLibrary.portable())) {
            Cosine smallest = new GoldenCheck(GOLDEN, 2e-5).verify(model).smallest();
            assertThat(smallest.tensor()).isEqualTo("fused");
            assertThat(smallest.token()).isNotNegative();
        }
    }

    @Test
    void pooledVectorsOfAnotherPoolingAreNotCompared() {
        ModelConfig other = CHECKPOINT.config().withPooling(Pooling.MAX);
        assertThat(other.pooling()).isNotEqualTo(GOLDEN.pooling());
        assertThat(verify(other, 2e-5).largest().tensor()).isNotEqualTo("pooled");
    }

    private static ModelConfig preNorm(ModelConfig config) {
        LayerConfig layer = config.stacks().get(0).layer();
        return ModelConfig.singleStream(
                config.modalities(),
                config.clsToken(),
                config.layers(),
                new LayerConfig(
                        layer.hiddenSize(),
                        layer.heads(),
                        layer.intermediateSize(),
                        layer.activation(),
                        true,
                        layer.layerNormEps(),
                        layer.attentionOutputProjection()),
                config.pooling());
    }
}
