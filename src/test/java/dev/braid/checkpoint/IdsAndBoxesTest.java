package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models of token ids and boxes: their keys, their tensors, and what is read of them. */
class IdsAndBoxesTest {
    private static final String VISUAL = "{\"name\": \"visual\", \"feature_size\": 6}";
    private static final String TEXT = "{\"name\": \"text\", \"feature_size\": 9}";

    @TempDir
    private Path path;

    private ModelDirectory model;

    @BeforeEach
    void plain() {
        model = ModelDirectory.seed(path);
    }

    private void boxes(String fusion) {
        model.replaced(VISUAL, VISUAL.replace("}", ", \"box_size\": 4, \"box_fusion\": \"" + fusion + "\"}"));
    }

    @Test
    void boxesHaveAProjectionOfTheirOwnAndNormsThatAreStored() {
        boxes("mean");
        model.linear("box_projection.visual", 8, 4);
        model.norm("box_norm.visual");
        Checkpoint checkpoint = model.read();
        ModalityWeights visual = checkpoint.weights().modalities().get(0);
        assertThat(checkpoint.config().modalities().get(0).boxes()).isEqualTo(new BoxConfig(4, BoxFusion.MEAN));
        assertThat(visual.projection().norm()).isNull();
        assertThat(visual.boxes().linear().weight().name()).isEqualTo("box_projection.visual.weight");
        assertThat(visual.boxes().norm().bias().name()).isEqualTo("box_norm.visual.bias");
    }

    @Test
    void concatenatedBoxesAreInputsOfOneProjection() {
        boxes("concatenate");
        model.tensors().random("visual_extractor.model_net.weight", 8, 10);
        ModalityWeights visual = model.read().weights().modalities().get(0);
        assertThat(visual.projection().linear().weight().shape()).isEqualTo(Shape.of(8, 10));
        assertThat(visual.boxes()).isNull();
    }

    @Test
    void wordEmbeddingsOfTheHiddenSizeNeedNoProjection() {
        model.replaced(TEXT, "{\"name\": \"text\", \"vocab_size\": 30}");
        model.tensors()
                .without("textual_extractor.model_net.weight")
                .without("textual_extractor.model_net.bias")
                .random("my.words.weight", 30, 8);
        model.replaced("}]", "}], \"tensor_prefixes\": {\"text.word_embeddings\": \"my.words\"}");
        Checkpoint checkpoint = model.read();
        assertThat(checkpoint.config().modalities().get(1))
                .isEqualTo(new ModalityConfig("text", 8, null, 30, true, ModalityConfig.UNLIMITED));
        assertThat(checkpoint.weights().modalities().get(1).words().shape()).isEqualTo(Shape.of(30, 8));
        assertThat(checkpoint.weights().modalities().get(1).projection()).isNull();
    }

    @Test
    void theNormOfAModalityIsThatOfItsSummedEmbeddings() {
        model.norm("embedding_norm.visual");
        model.norm("my.norm");
        model.replaced("}]", "}], \"tensor_prefixes\": {\"text.embedding_norm\": \"my.norm\"}");
        List<ModalityWeights> modalities = model.read().weights().modalities();
        assertThat(modalities.get(0).norm().weight().name()).isEqualTo("embedding_norm.visual.weight");
        assertThat(modalities.get(1).norm().bias().name()).isEqualTo("my.norm.bias");
    }

    @Test
    void whatIsMissingOrContradictsItselfIsSaid() {
        model.replaced(TEXT, "{\"name\": \"text\", \"vocab_size\": 30, \"feature_size\": 9}");
        boxes("sum");
        assertThatThrownBy(model::read)
                .isInstanceOf(InputException.class)
                .hasMessageContaining(
                        "Cannot load tensor 'word_embeddings.text.weight' from model.safetensors: expected [30, 9]"
                                + " (vocab_size and feature_size of 'text' in config.json), got no such tensor; say where it is in"
                                + " tensor_prefixes.text.word_embeddings")
                .hasMessageContaining(
                        "Cannot load tensor 'box_projection.visual.weight' from model.safetensors: expected"
                                + " [8, 4] (hidden_size and box_size of 'visual' in config.json), got no such tensor");
        model.replaced("\"vocab_size\": 30", "\"vocab_size\": 16777217, \"box_size\": 4");
        model.replaced("\"box_fusion\": \"sum\"", "\"box_fusion\": \"max\"");
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot read 'modalities[1].vocab_size' in config.json: expected at most 16777216, got"
                                + " 16777217")
                .hasMessageContaining(
                        "Cannot read 'modalities[1].box_size' in config.json: expected no such key next to"
                                + " vocab_size (token ids have no boxes), got one")
                .hasMessageContaining(
                        "'modalities[0].box_fusion' in config.json: expected one of sum, mean, concatenate, got"
                                + " 'max'");
    }

    @Test
    void publishedWordEmbeddingsAreReadForIdsAlone() {
        String golden = "src/test/resources/golden/visual-bert-ids";
        Configuration hadoop = new Configuration();
        Checkpoint features = Checkpoint.read(golden, hadoop);
        assertThat(features.config().modalities().get(0).vocabularySize()).isEqualTo(7);
        assertThat(features.config().modalities().get(0).tokenIds()).isFalse();
        assertThat(features.weights().modalities().get(0).words()).isNull();
        assertThat(features.withTokenIds(Set.of(), golden, hadoop)).isSameAs(features);

        Checkpoint ids = features.withPooling(Pooling.LAST).withTokenIds(Set.of("text"), golden, hadoop);
        assertThat(ids.config().modalities().get(0).tokenSize()).isEqualTo(1);
        assertThat(ids.config().pooling()).isEqualTo(Pooling.LAST);
        assertThat(ids.parameters() - features.parameters()).isEqualTo(7 * 24);
        Golden rows = Golden.read(golden, features.config(), hadoop).orElseThrow();
        assertThat(rows.tokenIds()).containsExactly("text");
    }
}
