package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A directory without config.json. */
class MissingConfigMessageTest {
    private static final String ALL = "Cannot read config.json: expected model_type, modalities, hidden_size,"
            + " num_hidden_layers, num_attention_heads, norm_first, hidden_act and layer_norm_eps, got no such file;"
            + " write one (a state dict does not record heads, norm_first, activation or eps)";

    @TempDir
    Path path;

    private String message(ModelDirectory model) throws IOException {
        model.tensors().write(path.resolve("model.safetensors"));
        Files.deleteIfExists(path.resolve("config.json"));
        Throwable thrown = org.assertj.core.api.Assertions.catchThrowable(
                () -> Checkpoint.read(path.toString(), new Configuration()));
        String headline = "Cannot read model '" + path + "':\n  ";
        assertThat(thrown).hasMessageStartingWith(headline);
        return thrown.getMessage().substring(headline.length());
    }

    @Test
    void theMessageNamesTheKeysThatDoNotFollowFromTheWeightsAndThoseThatDo() throws IOException {
        assertThat(message(ModelDirectory.seed(path))).isEqualTo("""
                Cannot read config.json: expected the architecture, got no such file; write one with these keys, \
                which do not follow from the weights:
                    'num_attention_heads': a divisor of 8 (1, 2, 4, 8)
                    'norm_first': true or false
                    'hidden_act': relu, gelu, gelu_new or silu
                    'layer_norm_eps': 1e-5 unless the module was made with another
                    'modalities': name and feature_size of each, in token order; the weights have projections of \
                {"name": "visual", "feature_size": 6}, {"name": "text", "feature_size": 9}
                    and with the keys that follow from the weights (torch.nn.TransformerEncoder, intermediate_size 12), \
                such as this, with a value for every ?:
                    {"model_type": "fusion_encoder", "modalities": [{"name": "visual", "feature_size": 6}, \
                {"name": "text", "feature_size": 9}], "hidden_size": 8, "num_hidden_layers": 2, \
                "num_attention_heads": ?, "norm_first": ?, "hidden_act": ?, "layer_norm_eps": ?}""");
    }

    @Test
    void theLineWithoutItsQuestionMarksIsAConfig() throws IOException {
        ModelDirectory model = ModelDirectory.seed(path);
        model.tensors()
                .random("cls_token", 1, 1, 8)
                .random("modality_embeddings.weight", 2, 8)
                .random("position_embeddings.visual.weight", 5, 8)
                .random("position_embeddings.text.weight", 7, 8);
        model.norm("embedding_layer_norm");
        model.norm("transformer_encoder.norm");
        String message = message(model);
        String line = message.substring(message.lastIndexOf('\n') + 1)
                .strip()
                .replaceFirst("\\?", "2")
                .replaceFirst("\\?", "true")
                .replaceFirst("\\?", "\"gelu\"")
                .replaceFirst("\\?", "1e-5");
        Checkpoint checkpoint = model.config(line).read();
        assertThat(checkpoint.weights().streams().get(0).learned()).isNotNull();
        assertThat(checkpoint.weights().streams().get(0).norm()).isNotNull();
        assertThat(checkpoint.weights().stacks().get(0).finalNorm()).isNotNull();
        assertThat(checkpoint.config().modalities().get(1).maxPositions()).isEqualTo(7);
    }

    @Test
    void layersWithoutOutputProjectionAndModalitiesWithoutProjectionAreTold() throws IOException {
        ModelDirectory model = new ModelDirectory(path);
        model.ownLayer("", "self_attention", "key_proj");
        assertThat(message(model))
                .contains("the weights have no projection, so every feature_size is 8")
                .endsWith("{\"model_type\": \"fusion_encoder\", \"modalities\": [{\"name\": ?, \"feature_size\": 8}],"
                        + " \"hidden_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": ?, \"norm_first\": ?,"
                        + " \"hidden_act\": ?, \"layer_norm_eps\": ?, \"attention_output_projection\": false}");
    }

    @Test
    void aMapOfAnUnknownNameIsTakenForAPossibleProjection() throws IOException {
        ModelDirectory model = new ModelDirectory(path);
        model.ownLayer("enc.", "self_attention", "key_proj");
        model.tensors().random("a.weight", 8, 13).random("a.bias", 8).random("head.weight", 3, 8);
        assertThat(message(model))
                .contains("the weights have no projection of a known name, but 'a.weight' [8, 13]; where one is"
                        + " [hidden_size, feature_size] of a modality, say so in tensor_prefixes")
                .contains("[{\"name\": ?, \"feature_size\": ?}]");
    }

    @Test
    void torchmultimodalsFlavaIsRecognised() throws IOException {
        assertThat(message(ModelDirectory.golden("torchmultimodal-flava", path)))
                .contains("torchmultimodal FLAVA")
                .contains("\"modalities\": [{\"name\": \"visual\", \"feature_size\": 8}, {\"name\": \"text\","
                        + " \"feature_size\": 10}], \"hidden_size\": 24, \"num_hidden_layers\": 2,"
                        + " \"num_attention_heads\": ?, \"norm_first\": true, \"hidden_act\": \"gelu\","
                        + " \"layer_norm_eps\": 1e-12")
                .doesNotContain("'norm_first'", "'hidden_act'", "'layer_norm_eps'");
    }

    @Test
    void theWeightsOfHuggingFaceAskForTheirConfig() throws IOException {
        assertThat(message(ModelDirectory.golden("vilt", path)))
                .isEqualTo(ALL + "; these tensors have Hugging Face's names, and save_pretrained writes a config.json"
                        + " next to them");
    }

    @Test
    void weightsThatTellNothingLeaveEveryKeyOpen() throws IOException {
        ModelDirectory model = new ModelDirectory(path);
        assertThat(message(model)).isEqualTo(ALL);
        model.torchLayer("a.layers.0.");
        model.torchLayer("b.layers.0.");
        assertThat(message(model)).isEqualTo(ALL);
    }

    @Test
    void weightsThatCannotBeReadAreReportedToo() throws IOException {
        SafetensorsWriter.write(path.resolve("model.safetensors"), new byte[3]);
        assertThatThrownBy(() -> Checkpoint.read(path.toString(), new Configuration()))
                .hasMessage("Cannot read model '" + path + "':\n  " + ALL
                        + "\n  Cannot read model.safetensors: expected at least 8 bytes (the length of a header), got 3"
                        + "; the file may be cut short: copy it again");
    }
}
