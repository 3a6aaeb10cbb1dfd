package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.tensor.Activation;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints of published models, as their own tools write them and changed in one thing each. */
class DialectsTest {
    @TempDir
    Path path;

    private ModelDirectory golden(String name) {
        return ModelDirectory.golden(name, path);
    }

    private static List<String> rows(ModelWeights weights, int modality) {
        return weights.modalities().get(modality).rows().stream()
                .map(StoredTensor::name)
                .toList();
    }

    @ParameterizedTest
    @CsvSource({
        "flava, Hugging Face FLAVA, flava.",
        "vilt, Hugging Face ViLT, vilt.",
        "visual-bert, Hugging Face VisualBERT, visual_bert.",
        "lxmert, Hugging Face LXMERT, lxmert.",
        "torchmultimodal-flava, torchmultimodal FLAVA, model."
    })
    void aPublishedModelIsReadBehindItsPrefixAndInsideATaskHead(String name, String title, String prefix) {
        Inspection bare = golden(name).inspect();
        assertThat(bare.dialect()).isEqualTo(title);
        ModelDirectory inHead = golden(name).under(prefix);
        inHead.tensors().random("classifier.weight", 3, 24);
        Inspection inspection = inHead.inspect();
        assertThat(inspection.checkpoint().config()).isEqualTo(bare.checkpoint().config());
        assertThat(inspection.checkpoint().parameters())
                .isEqualTo(bare.checkpoint().parameters());
        assertThat(inspection.unused()).hasSize(bare.unused().size() + 1);
        assertThat(inspection.unused()).extracting(TensorEntry::name).contains("classifier.weight");
        assertThat(inspection.tensors()).allMatch(tensor -> tensor.name().startsWith(prefix));
    }

    @ParameterizedTest
    @CsvSource({
        "flava, module.flava._orig_mod.",
        "vilt, _orig_mod.module.vilt.",
        "visual-bert, _fsdp_wrapped_module.visual_bert.",
        "torchmultimodal-flava, module.model."
    })
    void aPublishedModelIsReadInsideWrappers(String name, String prefix) {
        Checkpoint bare = golden(name).read();
        ModelDirectory wrapped = golden(name).under(prefix);
        wrapped.tensors().rename(tensor -> tensor.replaceFirst("(layer\\.\\d+\\.)", "$1_checkpoint_wrapped_module."));
        Inspection inspection = wrapped.inspect();
        assertThat(inspection.checkpoint().config()).isEqualTo(bare.config());
        assertThat(inspection.checkpoint().parameters()).isEqualTo(bare.parameters());
        assertThat(inspection.tensors()).noneMatch(tensor -> tensor.name().contains("module."));
    }

    /** As converted from TensorFlow; transformers reads both spellings too. */
    @Test
    void normsOfOldCheckpointsAreRead() {
        Checkpoint bare = golden("visual-bert").read();
        ModelDirectory old = golden("visual-bert");
        old.tensors()
                .rename(tensor -> tensor.replace("LayerNorm.weight", "LayerNorm.gamma")
                        .replace("LayerNorm.bias", "LayerNorm.beta"));
        assertThat(old.tensors().names()).contains("embeddings.LayerNorm.gamma");
        Inspection inspection = old.inspect();
        assertThat(inspection.checkpoint().parameters()).isEqualTo(bare.parameters());
        assertThat(StoredFloats.of(inspection
                        .checkpoint()
                        .weights()
                        .streams()
                        .get(0)
                        .norm()
                        .weight()))
                .isEqualTo(
                        StoredFloats.of(bare.weights().streams().get(0).norm().weight()));
        assertThat(inspection.reading().renamedNorms())
                .isEqualTo(1 + 2 * bare.weights().stacks().get(0).layers().size());
    }

    @Test
    void flavaHasItsOwnParts() {
        Checkpoint checkpoint = golden("flava").read();
        ModelConfig config = checkpoint.config();
        assertThat(config.modalities()).extracting(ModalityConfig::name).containsExactly("visual", "text");
        assertThat(config.stacks().get(0).layer().normFirst()).isTrue();
        assertThat(config.clsToken()).isTrue();
        assertThat(config.stacks().get(0).layer().activation()).isEqualTo(Activation.GELU);
        assertThat(config.stacks().get(0).layer().layerNormEps()).isEqualTo(1e-12f);
        assertThat(config.pooling()).isEqualTo(Pooling.POOLER);
        assertThat(checkpoint.weights().stacks().get(0).finalNorm()).isNotNull();
        assertThat(checkpoint.weights().streams().get(0).norm()).isNull();
        assertThat(checkpoint.weights().streams().get(0).learned().name()).isEqualTo("multimodal_model.cls_token");
        assertThat(checkpoint
                        .weights()
                        .stacks()
                        .get(0)
                        .layers()
                        .get(0)
                        .attentions()
                        .get(0)
                        .norm()
                        .weight()
                        .name())
                .isEqualTo("multimodal_model.encoder.layer.0.layernorm_before.weight");
    }

    @Test
    void viltAddsItsRowsBeforeAndBehindTheNormOfText() {
        Checkpoint checkpoint = golden("vilt").read();
        ModelWeights weights = checkpoint.weights();
        assertThat(checkpoint.config().modalities())
                .extracting(ModalityConfig::name)
                .containsExactly("text", "visual");
        assertThat(checkpoint.config().modalities().get(0).maxPositions()).isLessThan(ModalityConfig.UNLIMITED);
        assertThat(checkpoint.config().modalities().get(1).maxPositions()).isEqualTo(ModalityConfig.UNLIMITED);
        assertThat(rows(weights, 0)).containsExactly("embeddings.text_embeddings.token_type_embeddings.weight[0:1]");
        assertThat(weights.modalities().get(0).norm().weight().name())
                .isEqualTo("embeddings.text_embeddings.LayerNorm.weight");
        assertThat(weights.modalities().get(0).rowsAfterNorm())
                .extracting(StoredTensor::name)
                .containsExactly("embeddings.token_type_embeddings.weight[0:1]");
        assertThat(rows(weights, 1)).containsExactly("embeddings.token_type_embeddings.weight[1:2]");
        assertThat(weights.modalities().get(1).projection()).isNull();
        assertThat(checkpoint.config().clsToken()).isFalse();
        assertThat(weights.stacks().get(0).finalNorm()).isNotNull();
    }

    @Test
    void visualBertTakesRowZeroOfPositionsAndRowOneOfTypes() {
        Checkpoint checkpoint = golden("visual-bert").read();
        ModelWeights weights = checkpoint.weights();
        assertThat(rows(weights, 0)).containsExactly("embeddings.token_type_embeddings.weight[0:1]");
        assertThat(rows(weights, 1))
                .containsExactly(
                        "embeddings.visual_position_embeddings.weight[0:1]",
                        "embeddings.visual_token_type_embeddings.weight[1:2]");
        assertThat(weights.streams().get(0).norm().weight().name()).isEqualTo("embeddings.LayerNorm.weight");
        assertThat(weights.stacks().get(0).finalNorm()).isNull();
        assertThat(checkpoint.config().stacks().get(0).layer().normFirst()).isFalse();
        assertThat(checkpoint.config().modalities().get(1).maxPositions()).isEqualTo(ModalityConfig.UNLIMITED);
    }

    @Test
    void absentKeysOfHuggingFaceHaveTheDefaultsOfTheirClass() {
        ModelDirectory model = golden("visual-bert");
        model.config("{\"model_type\": \"visual_bert\"}");
        assertThatThrownBy(model::read)
                .hasMessageContaining("expected 12 layers (num_hidden_layers in config.json), got ")
                .hasMessageContaining("[768, 512] (hidden_size and visual_embedding_dim in config.json), got [24, 9]");
        model = golden("flava");
        model.config("{\"model_type\": \"flava\", \"multimodal_config\": null}");
        assertThatThrownBy(model::read)
                .hasMessageContaining("expected 6 layers (multimodal_config.num_hidden_layers in config.json), got ")
                .hasMessageContaining(
                        "[768, 768] (multimodal_config.hidden_size and image_config.hidden_size in config.json), got");
    }

    /** Versions before 5 write what differs from the default alone. */
    @Test
    void aConfigOfDifferencesIsReadLikeTheWhole() {
        ModelDirectory model = golden("flava");
        ModelConfig config = model.read().config();
        model.config("""
                {"architectures": ["FlavaModel"], "hidden_size": 24, "model_type": "flava",
                 "image_config": {"hidden_size": 8, "model_type": "flava_image_model"},
                 "multimodal_config": {"hidden_size": 24, "intermediate_size": 20, "num_attention_heads": %d,
                                       "num_hidden_layers": 2, "model_type": "flava_multimodal_model"},
                 "text_config": {"hidden_size": 10, "model_type": "flava_text_model"},
                 "torch_dtype": "float32", "transformers_version": "4.40.2"}
                """.formatted(config.stacks().get(0).layer().heads()));
        assertThat(model.read().config()).isEqualTo(config);
    }

    @Test
    void aSectionUnderItsOldNameHolds() {
        ModelDirectory model = golden("flava");
        ModelConfig config = model.read().config();
        model.replaced("\"multimodal_config\"", "\"multimodal_config_dict\"")
                .replaced(
                        "\"model_type\": \"flava\"",
                        "\"model_type\": \"flava\", \"multimodal_config\": {\"hidden_size\": 1}");
        assertThat(model.read().config()).isEqualTo(config);
    }

    @Test
    void keysOfHuggingFaceAreRefusedByTheirPlace() {
        ModelDirectory model = golden("flava");
        model.config("{\"model_type\": \"flava\", \"text_config\": 3, \"multimodal_config\": {\"hidden_act\": \"mish\","
                + " \"hidden_size\": 25, \"qkv_bias\": 1}}");
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot read 'multimodal_config.hidden_act' in config.json: expected one of relu,"
                        + " gelu, gelu_new, silu, tanh, sigmoid, gelu_pytorch_tanh, got 'mish'")
                .hasMessageContaining(
                        "Cannot read 'multimodal_config.qkv_bias' in config.json: expected true or false," + " got 1")
                .hasMessageContaining("Cannot read 'text_config' in config.json: expected an object, got 3")
                .hasMessageContaining(
                        "Cannot read 'multimodal_config.hidden_size' in config.json: expected a multiple of"
                                + " 12 (multimodal_config.num_attention_heads), got 25");
    }

    @Test
    void aModelThatPassesItsLayersByIsRefused() {
        assertThatThrownBy(golden("visual-bert")
                        .replaced("\"bypass_transformer\": false", "\"bypass_transformer\": true")::read)
                .hasMessageContaining(
                        "Cannot read 'bypass_transformer' in config.json: expected false (visual tokens go"
                                + " through every layer), got true");
    }

    @ParameterizedTest
    @CsvSource({"relu, RELU", "gelu, GELU", "gelu_new, GELU_TANH", "gelu_pytorch_tanh, GELU_TANH"})
    void activationsAreReadByEverySpelling(String spelling, Activation activation) {
        ModelDirectory model =
                golden("vilt").replaced("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"" + spelling + "\"");
        assertThat(model.read().config().stacks().get(0).layer().activation()).isEqualTo(activation);
    }

    @Test
    void qkvBiasSaysWhetherAttentionHasBiases() {
        ModelDirectory model = golden("vilt");
        String bias = "encoder.layer.0.attention.attention.key.bias";
        model.replaced("\"qkv_bias\": true", "\"qkv_bias\": false");
        Inspection inspection = model.inspect();
        assertThat(inspection
                        .checkpoint()
                        .weights()
                        .stacks()
                        .get(0)
                        .layers()
                        .get(0)
                        .attentions()
                        .get(0)
                        .key()
                        .bias())
                .isNull();
        assertThat(inspection.unused()).extracting(TensorEntry::name).contains(bias);
        ModelDirectory without = golden("vilt");
        without.tensors().without(bias);
        assertThatThrownBy(without::read)
                .hasMessageContaining("Cannot load tensor '" + bias
                        + "' from model.safetensors: expected [24] (hidden_size in config.json), got no such tensor");
    }

    @ParameterizedTest
    @ValueSource(strings = {"flava", "torchmultimodal-flava"})
    void theFirstTokenIsPooledWhereNoPoolerIsStored(String name) {
        ModelDirectory model = golden(name);
        model.tensors()
                .rename(tensor ->
                        tensor.replace("_model.pooler", "_model.other").replace("mm_encoder.pooler", "o"));
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.config().pooling()).isEqualTo(Pooling.CLS);
        assertThat(checkpoint.weights().pooler()).isNull();
    }

    @Test
    void aTableWithTooFewRowsIsReported() {
        ModelDirectory model = golden("visual-bert");
        model.tensors().random("embeddings.visual_token_type_embeddings.weight", 1, 24);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor 'embeddings.visual_token_type_embeddings.weight' from"
                        + " model.safetensors: expected [2 or more, 24] (hidden_size in config.json), got [1, 24]");
    }

    @Test
    void aMissingTensorOfAPublishedModelIsReported() {
        ModelDirectory model = golden("flava");
        model.tensors().without("text_to_mm_projection.weight");
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot load tensor 'text_to_mm_projection.weight' from model.safetensors: expected"
                                + " [24, 10] (multimodal_config.hidden_size and text_config.hidden_size in config.json), got no"
                                + " such tensor");
    }

    @Test
    void torchmultimodalsClsTokenIsReadFromTheWeightsUnlessTheConfigSpeaks() {
        ModelDirectory model = golden("torchmultimodal-flava");
        model.replaced(",\n  \"cls_token\": true", "");
        assertThat(model.read().config().clsToken()).isTrue();
        model.tensors().without("mm_encoder.cls_token");
        assertThat(model.read().config().clsToken()).isFalse();
        ModelDirectory denied = golden("torchmultimodal-flava").replaced("\"cls_token\": true", "\"cls_token\": false");
        assertThatThrownBy(denied::read)
                .hasMessageContaining("Cannot place tensor 'mm_encoder.cls_token' from model.safetensors: expected none"
                        + " (cls_token in config.json is false), got F32 [1, 1, 24]");
    }

    @Test
    void torchmultimodalsLayersAreOfTheirKindUnlessTheConfigSaysOtherwise() {
        ModelDirectory model = golden("torchmultimodal-flava");
        ModelConfig whole = model.read().config();
        model.replaced("\n  \"hidden_act\": \"gelu\",\n  \"norm_first\": true,\n  \"layer_norm_eps\": 1e-12,", "");
        assertThat(model.read().config()).isEqualTo(whole);
        assertThat(whole.stacks().get(0).layer().normFirst()).isTrue();
        assertThat(whole.stacks().get(0).layer().activation()).isEqualTo(Activation.GELU);
        assertThat(whole.stacks().get(0).layer().layerNormEps()).isEqualTo(1e-12f);
        model.replaced(
                "\"cls_token\": true",
                "\"norm_first\": false, \"hidden_act\": \"relu\", \"layer_norm_eps\": 1e-5, \"cls_token\": true");
        ModelConfig written = model.read().config();
        assertThat(written.stacks().get(0).layer().normFirst()).isFalse();
        assertThat(written.stacks().get(0).layer().activation()).isEqualTo(Activation.RELU);
        assertThat(written.stacks().get(0).layer().layerNormEps()).isEqualTo(1e-5f);
    }

    /** Of the hidden size, a feature could else go on without the projection that is stored. */
    @Test
    void torchmultimodalsModalitiesHaveTheirNamesAlone() {
        ModelDirectory model = golden("torchmultimodal-flava")
                .replaced("\"visual\"", "\"image\"")
                .replaced("\"feature_size\": 8", "\"feature_size\": 24");
        model.tensors().random("image_to_mm_projection.weight", 24, 24);
        String problem =
                "Cannot read 'modalities[0].name' in config.json: expected one of text, visual (torchmultimodal"
                        + " FLAVA), got 'image'";
        assertThatThrownBy(model::read).hasMessage("Cannot read model '" + path + "':\n  " + problem);
        model.replaced(
                "\"cls_token\": true",
                "\"tensor_prefixes\": {\"image\": \"image_to_mm_projection\"}, \"cls_token\": true");
        assertThatThrownBy(model::read).hasMessageContaining(problem);
    }

    @Test
    void torchmultimodalsProjectionIsNeverLeftOut() {
        ModelDirectory model = golden("torchmultimodal-flava").replaced("\"feature_size\": 8", "\"feature_size\": 24");
        model.tensors().without("image_to_mm_projection.weight").without("image_to_mm_projection.bias");
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor 'image_to_mm_projection.weight' from model.safetensors:"
                        + " expected [24, 24] (hidden_size and feature_size of 'visual' in config.json), got no such"
                        + " tensor");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "text_to_mm_projection.bias",
                "mm_encoder.layernorm.bias",
                "mm_encoder.pooler.dense.bias",
                "mm_encoder.encoder.layer.1.attention.value.bias",
                "mm_encoder.encoder.layer.0.feedforward.model.2.bias",
                "mm_encoder.encoder.layer.1.attention_layernorm.bias"
            })
    void aMissingBiasOfTorchmultimodalIsReported(String bias) {
        ModelDirectory model = golden("torchmultimodal-flava");
        model.tensors().without(bias);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor '" + bias + "' from model.safetensors: expected [24] (")
                .hasMessageContaining("got no such tensor");
    }

    @Test
    void torchmultimodalsEncoderMayBeNamedByItsPrefix() {
        ModelDirectory model = golden("torchmultimodal-flava").under("a.");
        for (String prefix : List.of("a", "a.mm_encoder", "a.mm_encoder.encoder")) {
            ModelDirectory named = golden("torchmultimodal-flava").under("a.");
            named.replaced("\"cls_token\": true", "\"tensor_prefixes\": {\"encoder\": \"" + prefix + "\"}");
            assertThat(named.read().parameters()).isEqualTo(model.read().parameters());
        }
    }
}
