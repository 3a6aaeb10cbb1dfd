package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VectorConfigReaderTest {
    @TempDir
    private Path path;

    private ModelDirectory gated() {
        return ModelDirectory.golden("gated-vectors", path).config("""
                {"model_type": "vector_fusion",
                 "modalities": [{"name": "visual", "feature_size": 12}, {"name": "text", "feature_size": 9}],
                 "steps": [
                   {"kind": "linear", "name": "v", "of": "visual", "prefix": "visual_hidden"},
                   {"kind": "linear", "name": "t", "of": "text", "prefix": "text_hidden"},
                   {"kind": "concat", "name": "both", "of": ["visual", "text"]},
                   {"kind": "linear", "name": "gate", "of": "both"},
                   {"kind": "activation", "name": "z", "of": "gate", "function": "sigmoid"},
                   {"kind": "gate", "name": "fused", "of": ["v", "t"], "gate": "z"}]}
                """);
    }

    @Test
    void aModelIsItsStepsInTheirOrder() {
        ModelConfig config = gated().read().config();
        assertThat(config.takesVectors()).isTrue();
        assertThat(config.hiddenSize()).isEqualTo(16);
        assertThat(config.vectors()).extracting(VectorStep::size).containsExactly(16, 16, 21, 16, 16, 16);
        assertThat(config.vectors().get(5).inputs()).containsExactly(2, 3, 6);
        assertThat(config.modalities()).allMatch(modality -> modality.maxPositions() == 1);
        assertThat(config.attentions()).isEmpty();
    }

    /** Columns: what is replaced, by what, and the problem that this makes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"of\": \"both\" | \"of\": \"boht\" | 'steps[3].of' in config.json: expected a modality or an earlier step ('visual', 'text', 'v', 't', 'both'), got 'boht'; the nearest is 'both'",
                "\"of\": \"both\" | \"of\": \"z\" | expected a modality or an earlier step",
                "\"of\": \"both\" | \"of\": [\"both\", \"v\"] | 'steps[3].of' in config.json: expected the name of a modality or of an earlier step",
                ", \"of\": \"both\" | `` | expected the name of a modality or of an earlier step, got no such key",
                "\"of\": \"both\" | \"of\": \"visual\" | 'steps[2]' in config.json: expected a step that a later step reads (the last one is the fused vector), got 'both', which none reads",
                "[\"visual\", \"text\"] | [\"visual\"] | expected a list of two or more names",
                "[\"v\", \"t\"] | [\"v\", \"t\", \"v\"] | expected a list of 2 names",
                "\"of\": \"visual\" | \"of\": \"text\" | Cannot load tensor 'visual_hidden.weight' from model.safetensors: expected [16, 9] (feature_size of 'text' in config.json), got [16, 12]",
                ", \"gate\": \"z\" | `` | 'steps[5].gate' in config.json: expected a modality or an earlier step",
                "\"kind\": \"concat\" | \"kind\": \"cat\" | 'steps[2].kind' in config.json: expected one of linear, bilinear, activation, norm, batch_norm, concat, sum, product, gate, softmax, weighted_sum, got 'cat'",
                "\"kind\": \"gate\" | \"kind\": \"weighted_sum\" | Cannot use 'steps[5].gate' in config.json: expected a known key",
                "\"kind\": \"gate\", \"name\": \"fused\", \"of\": [\"v\", \"t\"], \"gate\" | \"kind\": \"weighted_sum\", \"name\": \"fused\", \"of\": [\"v\", \"t\"], \"weights\" | Cannot use 'steps[5].weights' in config.json: expected 2 numbers (one for each vector of 'of'), got 'z' of 16",
                "\"kind\": \"linear\", \"name\": \"gate\", \"of\": \"both\" | \"kind\": \"bilinear\", \"name\": \"gate\", \"of\": [\"both\", \"v\"] | Cannot load tensor 'gate.weight' from model.safetensors: expected [any, 21, 16] (steps[3].prefix in config.json), got [16, 21]",
                "\"kind\": \"concat\", | `` | 'steps[2].kind' in config.json: expected one of linear",
                "\"sigmoid\" | \"softmax\" | 'steps[4].function' in config.json: expected one of relu, gelu, gelu_new, silu, tanh, sigmoid, got 'softmax'",
                ", \"function\": \"sigmoid\" | `` | 'steps[4].function' in config.json: expected one of relu",
                "\"function\" | \"functoin\" | Cannot use 'steps[4].functoin' in config.json: expected a known key, got 'functoin'; the nearest is 'function'",
                "\"name\": \"both\" | \"name\": \"Text\" | 'steps[2].name' in config.json: expected a name that no modality and no other step has, got 'Text' again",
                "\"name\": \"both\" | \"name\": \"both.vectors\" | expected a name of letters a-z",
                "\"prefix\": \"text_hidden\" | \"prefix\": \"txt_hidden\" | Cannot load tensor 'txt_hidden.weight' from model.safetensors: expected [any, 9] (steps[1].prefix in config.json), got no such tensor; the nearest is 'text_hidden.weight'",
                "\"feature_size\": 12 | \"feature_size\": 0 | 'modalities[0].feature_size'",
                "\"steps\" | \"step\" | Cannot read 'steps' in config.json: expected a list of one or more steps",
                "vector_fusion | vektor_fusion | expected one of fusion_encoder, vector_fusion,",
            })
    void aBrokenKeyIsNamed(String old, String replacement, String problem) {
        assertThatThrownBy(() -> gated().replaced(old, replacement).read()).hasMessageContaining(problem);
    }

    @Test
    void allProblemsAreReportedTogether() {
        ModelDirectory model =
                gated().replaced("\"of\": \"both\"", "\"of\": \"x\"").replaced("sigmoid", "sgmoid");
        assertThatThrownBy(model::read)
                .hasMessageContaining("'steps[3].of'")
                .hasMessageContaining("'steps[4].function'");
        ModelDirectory tensors = gated();
        tensors.tensors().without("gate.weight").random("head.weight", 3, 16).random("text_hidden.bias", 4);
        assertThatThrownBy(tensors::read)
                .hasMessageContaining("Cannot load tensor 'gate.weight'")
                .hasMessageContaining("Cannot place tensor 'head.weight'")
                .hasMessageContaining("'text_hidden.bias' from model.safetensors: expected [16]");
        ModelDirectory sizes = gated();
        sizes.tensors().without("text_hidden.weight").random("text_hidden.weight", 8, 9);
        assertThatThrownBy(sizes::read)
                .hasMessageContaining(
                        "Cannot use 'steps[5].of' in config.json: expected vectors of one size, got 'v' of 16,"
                                + " 't' of 8, 'z' of 16");
    }

    @Test
    void wrappersAreTakenOutOfNamesAndPrefixes() {
        ModelDirectory model = gated();
        model.tensors().rename(name -> "_orig_mod." + name);
        assertThat(model.read().config().hiddenSize()).isEqualTo(16);
        assertThat(gated().replaced("\"prefix\": \"visual_hidden\"", "\"prefix\": \"_orig_mod.visual_hidden\"")
                        .read()
                        .config()
                        .hiddenSize())
                .isEqualTo(16);
    }

    @Test
    void countersOfBatchNormsAreNotUsed() {
        assertThat(Inspection.read(
                                "src/test/resources/golden/concatenated-mlp",
                                new org.apache.hadoop.conf.Configuration())
                        .unused())
                .extracting(TensorEntry::name)
                .containsExactlyInAnyOrder("mlp.1.num_batches_tracked", "mlp.6.num_batches_tracked");
    }
}
