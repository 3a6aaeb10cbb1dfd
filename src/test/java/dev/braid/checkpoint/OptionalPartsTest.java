package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Shape;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The parts that a fusion encoder may have or lack, each by its key and its tensors. */
class OptionalPartsTest {
    private static final String NORM = "transformer_encoder.norm";

    @TempDir
    Path path;

    private ModelDirectory model;

    @BeforeEach
    void makeModel() {
        model = ModelDirectory.seed(path);
    }

    private void assertProblems(String... problems) {
        assertThatThrownBy(model::read)
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + path + "':\n  " + String.join("\n  ", problems));
    }

    private static String load(String tensor) {
        return "Cannot load tensor '" + tensor + "' from model.safetensors: expected ";
    }

    private static String place(String tensor) {
        return "Cannot place tensor '" + tensor + "' from model.safetensors: expected ";
    }

    @Test
    void aListNamesTheModalitiesThatHavePositions() {
        model.with(", \"position_embeddings\": [\"text\"]");
        model.tensors().random("position_embeddings.text.weight", 11, 8);
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.config().modalities())
                .containsExactly(new ModalityConfig("visual", 6), new ModalityConfig("text", 9, 11));
        assertThat(checkpoint.weights().modalities().get(0).positions()).isNull();
        model.tensors().random("position_embeddings.visual.weight", 5, 8);
        assertProblems(place("position_embeddings.visual.weight")
                + "only tensors of the model in config.json, got F32 [5, 8]");
        model.with(", \"position_embeddings\": [\"txt\"]");
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot read 'position_embeddings' in config.json: expected a list of names, each of them"
                                + " once: modalities ('visual', 'text'), got");
    }

    @Test
    void aModelWithoutThemHasNone() {
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.config().stacks().get(0).layer().normFirst()).isFalse();
        assertThat(checkpoint.config().stacks().get(0).layer().activation()).isEqualTo(Activation.RELU);
        assertThat(checkpoint.config().stacks().get(0).layer().layerNormEps()).isEqualTo(1e-5f);
        assertThat(checkpoint.config().clsToken()).isFalse();
        assertThat(checkpoint.config().pooling()).isEqualTo(Pooling.MEAN);
        ModelWeights weights = checkpoint.weights();
        assertThat(weights.streams().get(0).learned()).isNull();
        assertThat(weights.streams().get(0).norm()).isNull();
        assertThat(weights.stacks().get(0).finalNorm()).isNull();
        assertThat(weights.pooler()).isNull();
        ModalityWeights visual = weights.modalities().get(0);
        assertThat(visual).isEqualTo(ModalityWeights.of(visual.projection()));
        assertThat(checkpoint.config().modalities().get(0).maxPositions()).isEqualTo(ModalityConfig.UNLIMITED);
    }

    @Test
    void everyPartIsReadFromItsTensors() {
        everyPart();
        Checkpoint checkpoint = model.read();
        ModelConfig config = checkpoint.config();
        assertThat(config.stacks().get(0).layer().normFirst()).isTrue();
        assertThat(config.stacks().get(0).layer().activation()).isEqualTo(Activation.GELU_TANH);
        assertThat(config.learnedTokens()).isEqualTo(1);
        assertThat(config.pooling()).isEqualTo(Pooling.MAX);
        assertThat(config.modalities())
                .containsExactly(new ModalityConfig("visual", 6, 5), new ModalityConfig("text", 9, 11));
        ModelWeights weights = checkpoint.weights();
        assertThat(weights.streams().get(0).learned().shape()).isEqualTo(Shape.of(1, 1, 8));
        assertThat(weights.streams().get(0).norm().bias().name()).isEqualTo("embedding_layer_norm.bias");
        assertThat(weights.stacks().get(0).finalNorm().weight().name()).isEqualTo(NORM + ".weight");
        assertThat(weights.pooler().weight().name()).isEqualTo("pooler.dense.weight");
        float[] table = floats("modality_embeddings.weight");
        for (int i = 0; i < 2; i++) {
            ModalityWeights modality = weights.modalities().get(i);
            assertThat(modality.rows()).hasSize(1);
            assertThat(modality.rows().get(0).shape()).isEqualTo(Shape.of(1, 8));
            assertThat(StoredFloats.of(modality.rows().get(0))).isEqualTo(Arrays.copyOfRange(table, 8 * i, 8 * i + 8));
            assertThat(modality.norm()).isNull();
            assertThat(modality.rowsAfterNorm()).isEmpty();
        }
        assertThat(StoredFloats.of(weights.modalities().get(1).positions()))
                .isEqualTo(floats("position_embeddings.text.weight"));
    }

    @Test
    void partsMayStandBesideTheEncoderUnderAnyPrefix() {
        everyPart();
        model.under("any.model.");
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.weights().streams().get(0).learned().name()).isEqualTo("any.model.cls_token");
        assertThat(checkpoint.weights().pooler().bias().name()).isEqualTo("any.model.pooler.dense.bias");
        assertThat(checkpoint
                        .weights()
                        .modalities()
                        .get(0)
                        .projection()
                        .linear()
                        .weight()
                        .name())
                .isEqualTo("any.model.visual_extractor.model_net.weight");
    }

    private void everyPart() {
        model.tensors()
                .random("cls_token", 1, 1, 8)
                .random("modality_embeddings.weight", 2, 8)
                .random("position_embeddings.visual.weight", 5, 8)
                .random("position_embeddings.text.weight", 11, 8);
        model.norm("embedding_layer_norm");
        model.norm(NORM);
        model.linear("pooler.dense", 8, 8);
        model.with(", \"norm_first\": true, \"hidden_act\": \"gelu_new\", \"cls_token\": true,"
                + " \"modality_embeddings\": true, \"position_embeddings\": true, \"embedding_layer_norm\": true,"
                + " \"pooling\": \"max\"");
    }

    private float[] floats(String tensor) {
        try (SafetensorsFile file = SafetensorsFile.open(
                new org.apache.hadoop.fs.Path(path.resolve("model.safetensors").toUri()),
                new org.apache.hadoop.conf.Configuration(false))) {
            return StoredFloats.of(file.read(tensor));
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aPartThatTheConfigDoesNotSpeakOfIsRefusedByItsKey() {
        everyPart();
        model.tensors().without(NORM + ".weight").without(NORM + ".bias");
        model.with("");
        assertProblems(
                place("cls_token") + "none (cls_token in config.json is false), got F32 [1, 1, 8]",
                place("modality_embeddings.weight")
                        + "none (modality_embeddings in config.json is false), got F32 [2, 8]",
                place("position_embeddings.visual.weight")
                        + "none (position_embeddings in config.json is false), got F32 [5, 8]",
                place("position_embeddings.text.weight")
                        + "none (position_embeddings in config.json is false), got F32 [11, 8]",
                place("embedding_layer_norm.weight")
                        + "none (embedding_layer_norm in config.json is false), got F32 [8]",
                place("embedding_layer_norm.bias")
                        + "none (embedding_layer_norm in config.json is false), got F32 [8]");
    }

    @Test
    void aPartThatTheConfigPromisesMustBeStored() {
        model.with(", \"cls_token\": true, \"modality_embeddings\": true, \"position_embeddings\": true,"
                + " \"embedding_layer_norm\": true, \"final_layer_norm\": true, \"pooling\": \"pooler\"");
        String none = " where the model has none";
        assertProblems(
                load("cls_token")
                        + "8 elements (hidden_size in config.json), got no such tensor; set cls_token to false" + none,
                load("modality_embeddings.weight")
                        + "[2, 8] (modalities and hidden_size in config.json), got no such tensor; set"
                        + " modality_embeddings to false" + none,
                load("position_embeddings.visual.weight")
                        + "[1 or more, 8] (hidden_size in config.json), got no such tensor; set position_embeddings to"
                        + " false" + none,
                load("position_embeddings.text.weight")
                        + "[1 or more, 8] (hidden_size in config.json), got no such tensor; set position_embeddings to"
                        + " false" + none,
                load("embedding_layer_norm.weight")
                        + "[8] (hidden_size in config.json), got no such tensor; set embedding_layer_norm to false"
                        + none,
                load(NORM + ".weight")
                        + "[8] (hidden_size in config.json), got no such tensor; set final_layer_norm to false" + none,
                load("pooler.dense.weight")
                        + "[8, 8] (hidden_size in config.json), got no such tensor; choose another 'pooling'" + none);
    }

    @Test
    void aPartOfAnotherShapeIsReported() {
        everyPart();
        model.tensors()
                .random("cls_token", 1, 9)
                .random("modality_embeddings.weight", 3, 8)
                .random("position_embeddings.visual.weight", 8)
                .random("position_embeddings.text.weight", 0, 8)
                .random(NORM + ".bias", 9);
        assertProblems(
                load("cls_token") + "8 elements (hidden_size in config.json), got [1, 9]",
                load("modality_embeddings.weight") + "[2, 8] (modalities and hidden_size in config.json), got [3, 8]",
                load("position_embeddings.visual.weight") + "[1 or more, 8] (hidden_size in config.json), got [8]",
                load("position_embeddings.text.weight") + "[1 or more, 8] (hidden_size in config.json), got [0, 8]",
                load(NORM + ".bias") + "[8] (hidden_size in config.json), got [9]");
    }

    @Test
    void aTableOfAnotherWidthIsReported() {
        everyPart();
        model.tensors().random("position_embeddings.text.weight", 11, 9);
        assertProblems(
                load("position_embeddings.text.weight") + "[1 or more, 8] (hidden_size in config.json), got [11, 9]");
    }

    @Test
    void aFinalNormIsReadFromTheWeightsUnlessTheConfigSaysWhetherThereIsOne() {
        model.norm(NORM);
        assertThat(model.read().weights().stacks().get(0).finalNorm()).isNotNull();
        assertThat(model.with(", \"final_layer_norm\": true")
                        .read()
                        .weights()
                        .stacks()
                        .get(0)
                        .finalNorm())
                .isNotNull();
        model.with(", \"final_layer_norm\": false");
        assertProblems(
                place(NORM + ".weight") + "none (final_layer_norm in config.json is false), got F32 [8]",
                place(NORM + ".bias") + "none (final_layer_norm in config.json is false), got F32 [8]");
    }

    @Test
    void aPoolerIsReadWhateverThePoolingIs() {
        model.linear("pooler.dense", 8, 8);
        Checkpoint checkpoint = model.with(", \"pooling\": \"cls\"").read();
        assertThat(checkpoint.weights().pooler()).isNotNull();
        assertThat(checkpoint.withPooling(Pooling.POOLER).config().pooling()).isEqualTo(Pooling.POOLER);
        assertThat(model.with(", \"pooling\": \"pooler\"").read().config().pooling())
                .isEqualTo(Pooling.POOLER);
        model.tensors().without("pooler.dense.weight");
        assertThatThrownBy(model::read).hasMessageContaining(load("pooler.dense.weight"));
    }

    @Test
    void aClsTokenMayHaveAnyRank() {
        for (long[] shape : List.of(new long[] {8}, new long[] {1, 8}, new long[] {1, 1, 8}, new long[] {8, 1})) {
            model.tensors().random("cls_token", shape);
            assertThat(model.with(", \"cls_token\": true")
                            .read()
                            .weights()
                            .streams()
                            .get(0)
                            .learned()
                            .shape())
                    .isEqualTo(Shape.of(shape));
        }
    }
}
