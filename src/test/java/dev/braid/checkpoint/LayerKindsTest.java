package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Shape;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Layers with RMSNorms, gated feed-forwards and grouped keys and values, and positions of the whole row, by their tensors. */
class LayerKindsTest {
    private static final String LAYER = "transformer_encoder.layers.1.";

    @TempDir
    Path path;

    private static String load(String tensor) {
        return "Cannot load tensor '" + tensor + "' from model.safetensors: expected ";
    }

    private void assertProblems(ModelDirectory model, String... problems) {
        assertThatThrownBy(model::read)
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + path + "':\n  " + String.join("\n  ", problems));
    }

    /** Layers named as Llama's, with keys and values of one head for two of queries. */
    private ModelDirectory llama() {
        ModelDirectory model = new ModelDirectory(path);
        model.projections();
        for (int i = 0; i < 2; i++) {
            String layer = "model.layers." + i + ".";
            model.tensors()
                    .random(layer + "self_attn.q_proj.weight", 8, 8)
                    .random(layer + "self_attn.k_proj.weight", 4, 8)
                    .random(layer + "self_attn.v_proj.weight", 4, 8)
                    .random(layer + "self_attn.o_proj.weight", 8, 8)
                    .random(layer + "mlp.gate_proj.weight", 12, 8)
                    .random(layer + "mlp.up_proj.weight", 12, 8)
                    .random(layer + "mlp.down_proj.weight", 8, 12)
                    .random(layer + "input_layernorm.weight", 8)
                    .random(layer + "post_attention_layernorm.weight", 8);
        }
        model.tensors().random("model.norm.weight", 8);
        return model.with(", \"num_key_value_heads\": 1, \"rotary_embeddings\": \"half\"");
    }

    @Test
    void layersNamedAsLlamasAreWhatLlamasAre() {
        Inspection inspection = llama().inspect();
        ModelConfig config = inspection.checkpoint().config();
        assertThat(config.stacks().get(0).layer())
                .isEqualTo(new LayerConfig(8, 2, 1, 12, Activation.SILU, true, true, NormType.RMS_NORM, 1e-5f, true));
        assertThat(config.positions().rotary()).isEqualTo(new RotaryEmbeddings(RotaryEmbeddings.Pairs.HALF, 10_000));
        assertThat(config.positions().longestRow()).isEqualTo(4096);
        assertThat(config.pooling()).isEqualTo(Pooling.MEAN);
        LayerWeights layer =
                inspection.checkpoint().weights().stacks().get(0).layers().get(1);
        assertThat(layer.attentions().get(0).key().weight().shape()).isEqualTo(Shape.of(4, 8));
        assertThat(layer.feedForward().linear1().weight().name()).isEqualTo("model.layers.1.mlp.gate_proj.weight");
        assertThat(layer.feedForward().up().weight().name()).isEqualTo("model.layers.1.mlp.up_proj.weight");
        assertThat(layer.feedForward().norm().weight().name())
                .isEqualTo("model.layers.1.post_attention_layernorm.weight");
        assertThat(layer.feedForward().norm().bias()).isNull();
        assertThat(inspection
                        .checkpoint()
                        .weights()
                        .stacks()
                        .get(0)
                        .finalNorm()
                        .weight()
                        .name())
                .isEqualTo("model.norm.weight");
        assertThat(inspection.tensors())
                .extracting(PlacedTensor::role)
                .contains("layer 1 feed-forward gate weight", "layer 1 feed-forward up weight")
                .contains("layer 1 feed-forward down weight");
        assertThat(inspection.unused()).isEmpty();
    }

    @Test
    void keysAndValuesMustHaveTheirHeads() {
        String source = " (num_key_value_heads, num_attention_heads and hidden_size in config.json), got ";
        ModelDirectory model = llama().with(", \"num_key_value_heads\": 2");
        String[] problems = new String[4];
        for (int i = 0; i < 2; i++) {
            String layer = "model.layers." + i + ".self_attn.";
            problems[2 * i] = load(layer + "k_proj.weight") + "[8, 8]" + source + "[4, 8]";
            problems[2 * i + 1] = load(layer + "v_proj.weight") + "[8, 8]" + source + "[4, 8]";
        }
        assertProblems(model, problems);
    }

    @Test
    void torchsLayersMayBeGatedAndHaveRmsNorms() {
        ModelDirectory model = ModelDirectory.seed(path);
        for (int i = 0; i < 2; i++) {
            String layer = "transformer_encoder.layers." + i + ".";
            model.linear(layer + "linear3", 12, 8);
            model.tensors().without(layer + "norm1.bias").without(layer + "norm2.bias");
        }
        model.with(", \"gated_feed_forward\": true, \"norm_type\": \"rms_norm\"");
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.config().stacks().get(0).layer())
                .isEqualTo(new LayerConfig(8, 2, 2, 12, Activation.RELU, true, false, NormType.RMS_NORM, 1e-5f, true));
        LayerWeights layer = checkpoint.weights().stacks().get(0).layers().get(1);
        assertThat(layer.feedForward().up().bias().name()).isEqualTo(LAYER + "linear3.bias");
        assertThat(layer.attentions().get(0).norm().bias()).isNull();
    }

    @Test
    void aBiasOfAnRmsNormIsRefused() {
        ModelDirectory model = ModelDirectory.seed(path).with(", \"norm_type\": \"rms_norm\"");
        String[] problems = new String[4];
        for (int i = 0; i < 4; i++) {
            String norm = "transformer_encoder.layers." + i / 2 + ".norm" + (1 + i % 2) + ".bias";
            problems[i] = load(norm) + "no such tensor (norm_type 'rms_norm' in config.json), got [8]";
        }
        assertProblems(model, problems);
    }

    @Test
    void anUnwantedOrMissingGateIsNamedByItsKey() {
        ModelDirectory model = ModelDirectory.seed(path);
        assertThatThrownBy(model.with(", \"gated_feed_forward\": true")::read)
                .hasMessageContaining(load(LAYER + "linear3.weight") + "[12, 8]")
                .hasMessageContaining("; set gated_feed_forward to false where the model has none");
        model.with("").linear(LAYER + "linear3", 12, 8);
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot place tensor '" + LAYER + "linear3.weight' from model.safetensors: expected"
                                + " none (gated_feed_forward in config.json is false), got F32 [12, 8]");
    }

    @Test
    void whatADialectHasNoTensorsForIsRefused() {
        assertProblems(
                ModelDirectory.seed(path).with(", \"num_key_value_heads\": 1"),
                "Cannot use 'num_key_value_heads' in config.json: expected 2 (num_attention_heads;"
                        + " torch.nn.TransformerEncoder has keys and values for every head), got 1");
        ModelDirectory own = new ModelDirectory(path);
        own.projections();
        own.ownLayer("layers.0.", "self_attention", "key_proj");
        own.ownLayer("layers.1.", "self_attention", "key_proj");
        assertProblems(
                own.with(", \"gated_feed_forward\": true, \"attention_output_projection\": false"),
                "Cannot use 'gated_feed_forward' in config.json: expected false (SelfAttention layers (query_proj, key_proj,"
                        + " value_proj) has two Linears in a feed-forward), got true");
    }

    @Test
    void aTableOfTheRowsPositionsSaysHowLongARowMayBe() {
        ModelDirectory model = ModelDirectory.seed(path);
        model.tensors().random("position_embeddings.weight", 7, 8);
        Checkpoint checkpoint =
                model.with(", \"position_embeddings\": \"concatenated\"").read();
        assertThat(checkpoint.config().positions())
                .isEqualTo(new PositionConfig(PositionEmbeddings.CONCATENATED, null, 7));
        assertThat(checkpoint.weights().streams().get(0).positions().shape()).isEqualTo(Shape.of(7, 8));
        assertThat(checkpoint.config().modalities())
                .extracting(ModalityConfig::maxPositions)
                .containsOnly(ModalityConfig.UNLIMITED);
        PositionConfig rotated = model.with(
                        ", \"position_embeddings\": \"concatenated\", \"rotary_embeddings\": \"half\","
                                + " \"max_position_embeddings\": 5")
                .read()
                .config()
                .positions();
        assertThat(rotated.longestRow()).isEqualTo(5);
        assertThatThrownBy(model.with(", \"position_embeddings\": \"sinusoidal\"")::read)
                .hasMessageContaining(
                        "Cannot place tensor 'position_embeddings.weight' from model.safetensors: expected"
                                + " none (position_embeddings in config.json is 'sinusoidal'), got F32 [7, 8]");
    }

    @Test
    void sinusoidsOfAModalityLimitItsLength() {
        ModelConfig config = ModelDirectory.seed(path)
                .with(", \"position_embeddings\": \"sinusoidal\", \"max_position_embeddings\": 9")
                .read()
                .config();
        assertThat(config.modalities()).extracting(ModalityConfig::maxPositions).containsExactly(9, 9);
        assertThat(config.positions().longestRow()).isEqualTo(ModalityConfig.UNLIMITED);
    }
}
