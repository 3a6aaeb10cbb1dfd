package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.ATTENTION_OUTPUT_PROJECTION;

import com.fasterxml.jackson.databind.JsonNode;
import dev.braid.tensor.Activation;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A published model, whose {@code config.json} has the format of the model's own code: {@code save_pretrained} of
 * Hugging Face's transformers, or UNITER, to whose config a user adds {@code model_type}. Keys that do not describe the
 * encoder are ignored; absent keys have the defaults of the model's own config class. Each published model has a file
 * of its own, such as {@link Flava}.
 *
 * @param section the object of the config that describes the encoder, or empty for the whole config
 * @param layers the default of {@code num_hidden_layers}
 * @param parts the optional parts that every such model has or lacks
 * @param partKeys the keys of optional parts that such a model has unless the key is false
 * @param modalities in token order
 * @param streams reads the streams of a model with several streams, for which {@code layers} is not used; null for one
 *     stream
 * @see <a
 *     href="https://github.com/huggingface/transformers/tree/main/src/transformers/models">transformers/models/{flava,vilt,visual_bert,lxmert}</a>
 */
record PublishedModel(
        String modelType,
        Dialect dialect,
        String section,
        int layers,
        Map<OptionalPart, Boolean> parts,
        Map<OptionalPart, String> partKeys,
        List<Modality> modalities,
        Streams streams) {

    /** A model of one stream. */
    PublishedModel(
            String modelType,
            Dialect dialect,
            String section,
            int layers,
            Map<OptionalPart, Boolean> parts,
            Map<OptionalPart, String> partKeys,
            List<Modality> modalities) {
        this(modelType, dialect, section, layers, parts, partKeys, modalities, null);
    }

    /** Reads the streams and stacks of a model. */
    interface Streams {
        WrittenConfig.Topology read(ConfigObject config, int hiddenSize, WrittenLayer layer);
    }

    static final List<PublishedModel> ALL =
            List.of(Flava.model(), Vilt.model(), VisualBert.model(), Uniter.model(), Lxmert.model());

    private static final int HIDDEN_SIZE = 768;
    private static final int HEADS = 12;
    private static final int INTERMEDIATE_SIZE = 3072;

    /**
     * A modality, and the key of its feature size in an object of the config.
     *
     * @param boxes the boxes that its tokens have after their features, or null
     */
    record Modality(String name, String section, String key, int byDefault, Boxes boxes) {
        Modality(String name, String section, String key, int byDefault) {
            this(name, section, key, byDefault, null);
        }

        private String path() {
            return section.isEmpty() ? "" : section + ".";
        }
    }

    /**
     * Boxes, and the key of their size.
     *
     * @param key the key, or null if the size is always {@code byDefault}
     */
    record Boxes(String key, int byDefault, BoxFusion fusion) {}

    /** The prefix of the encoder's keys in messages. */
    String path() {
        return section().isEmpty() ? "" : section() + ".";
    }

    /** The key of a modality's feature size as messages name it. */
    String featureSizeKey(String modality) {
        Modality found = modality(modality);
        return found.path() + found.key();
    }

    /** The key of a modality's box size as messages name it. */
    String boxSizeKey(String modality) {
        Modality found = modality(modality);
        return found.boxes().key() == null
                ? "model_type"
                : found.path() + found.boxes().key();
    }

    private Modality modality(String name) {
        return modalities().stream()
                .filter(candidate -> candidate.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    WrittenConfig read(ConfigObject root) {
        ConfigObject encoder = section(root, section());
        if (Boolean.TRUE.equals(encoder.flag("bypass_transformer", false))) {
            encoder.bad("bypass_transformer", "false (visual tokens go through every layer)", "true");
        }
        Map<OptionalPart, Boolean> has = new EnumMap<>(parts());
        has.put(ATTENTION_OUTPUT_PROJECTION, true);
        partKeys().forEach((part, key) -> has.put(part, encoder.flag(key, true)));
        List<ModalityConfig> sized =
                modalities().stream().map(modality -> modality(root, modality)).toList();
        Integer hiddenSize = encoder.size("hidden_size", HIDDEN_SIZE);
        WrittenLayer layer = new WrittenLayer(
                encoder.size("num_attention_heads", HEADS),
                null,
                encoder.size("intermediate_size", INTERMEDIATE_SIZE),
                encoder.choice("hidden_act", null, activations()),
                null,
                null,
                encoder.positive("layer_norm_eps"));
        return new WrittenConfig(
                this,
                sized.stream().anyMatch(modality -> modality.featureSize() == 0) ? null : sized,
                hiddenSize,
                streams == null ? encoder.size("num_hidden_layers", layers()) : null,
                layer,
                PositionConfig.NONE,
                has,
                ConfigReader.pooling(root),
                Map.of(),
                streams == null || hiddenSize == null ? null : streams.read(encoder, hiddenSize, layer));
    }

    private static ModalityConfig modality(ConfigObject root, Modality modality) {
        ConfigObject section = section(root, modality.section());
        Integer size = section.size(modality.key(), modality.byDefault());
        Boxes boxes = modality.boxes();
        Integer boxSize = boxes == null ? Integer.valueOf(0) : boxSize(section, boxes);
        return new ModalityConfig(
                modality.name(),
                size == null || boxSize == null ? 0 : size,
                boxes == null || boxSize == null ? null : new BoxConfig(boxSize, boxes.fusion()),
                0,
                false,
                ModalityConfig.UNLIMITED);
    }

    private static Integer boxSize(ConfigObject section, Boxes boxes) {
        return boxes.key() == null ? Integer.valueOf(boxes.byDefault()) : section.size(boxes.key(), boxes.byDefault());
    }

    /** An object of the config. Old versions also wrote a {@code {section}_dict}, which takes precedence. */
    private static ConfigObject section(ConfigObject root, String section) {
        if (section.isEmpty()) {
            return root;
        }
        JsonNode old = root.value(section + "_dict");
        return root.object(old != null && old.isObject() ? section + "_dict" : section);
    }

    private static Map<String, Activation> activations() {
        Map<String, Activation> activations = new LinkedHashMap<>();
        for (Activation activation : Activation.values()) {
            activations.put(activation.configName(), activation);
        }
        activations.put("gelu_pytorch_tanh", Activation.GELU_TANH);
        return activations;
    }
}
