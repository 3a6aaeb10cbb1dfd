package dev.braid.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.braid.tensor.Activation;
import java.io.IOException;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reads {@code config.json}. A config in this project's own format is read strictly: unknown keys and wrong types are
 * errors, and every problem is reported. {@link PublishedModel} reads the configs that the code of published models
 * writes.
 */
final class ConfigReader {
    private static final String MODEL_TYPE = "fusion_encoder";

    /** The optional parts that have a boolean key in a config. */
    private static final List<OptionalPart> PART_KEYS = Arrays.stream(OptionalPart.values())
            .filter(part -> part != OptionalPart.QKV_BIAS && !part.configName().equals(PositionKeys.EMBEDDINGS))
            .toList();

    private static final Set<String> KEYS = Stream.of(
                    PART_KEYS.stream().map(OptionalPart::configName),
                    WrittenLayers.KEYS.stream(),
                    Stream.of(
                            "model_type",
                            "modalities",
                            "hidden_size",
                            PositionKeys.EMBEDDINGS,
                            "rotary_embeddings",
                            "rope_theta",
                            "max_position_embeddings",
                            "pooling",
                            "tensor_prefixes"),
                    TopologyReader.KEYS.stream())
            .flatMap(keys -> keys)
            .collect(Collectors.toCollection(TreeSet::new));

    /**
     * Names of modalities: each is also the name of a column and of a struct field, and comes before = on the command
     * line.
     */
    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    static final String NAME_EXPECTED = "a name of letters a-z, digits and underscores, not beginning with a digit";

    private static final ObjectMapper JSON = new JsonMapper(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final ConfigObject root;
    private final List<String> problems;

    private ConfigReader(ConfigObject root, List<String> problems) {
        this.root = root;
        this.problems = problems;
    }

    /**
     * Reads a parsed file. Empty if it is not the config of a known model. Otherwise broken keys are null in the result, and
     * reported.
     */
    static Optional<WrittenConfig> read(JsonNode root, List<String> problems) {
        Optional<WrittenConfig> config = new ConfigReader(new ConfigObject(root, "", problems), problems).read();
        config.ifPresent(written -> checkHeads(written, problems));
        return config;
    }

    /** Parses a file of one JSON object. Empty, with a problem reported, if it is anything else. */
    static Optional<JsonNode> parse(byte[] file, String name, List<String> problems) {
        JsonNode root;
        try {
            root = JSON.readTree(file);
        } catch (JsonProcessingException e) {
            problems.add("Cannot read " + name + ": expected JSON, got " + Quote.of(e));
            return Optional.empty();
        } catch (IOException e) {
            problems.add("Cannot read " + name + ": expected JSON, got " + Quote.of(e));
            return Optional.empty();
        }
        if (!root.isObject()) {
            problems.add("Cannot read " + name + ": expected a JSON object, got " + ConfigObject.shown(root));
            return Optional.empty();
        }
        return Optional.of(root);
    }

    private static void checkHeads(WrittenConfig config, List<String> problems) {
        Integer hiddenSize = config.hiddenSize();
        Integer heads = config.layer().heads();
        Integer keyValueHeads = config.layer().keyValueHeads();
        if (heads != null && keyValueHeads != null && heads % keyValueHeads != 0) {
            problems.add("Cannot read 'num_key_value_heads' in config.json: expected a divisor of " + heads
                    + " (num_attention_heads), got " + keyValueHeads);
        }
        if (hiddenSize != null && heads != null && hiddenSize % heads != 0) {
            String path = config.model() == null ? "" : config.model().path();
            problems.add("Cannot read '" + path + "hidden_size' in config.json: expected a multiple of " + heads + " ("
                    + path + "num_attention_heads), got " + hiddenSize);
        } else if (hiddenSize != null
                && heads != null
                && config.positions().rotary() != null
                && hiddenSize / heads % 2 != 0) {
            problems.add("Cannot use 'rotary_embeddings' in config.json: expected heads of an even size, got "
                    + hiddenSize / heads + " (hidden_size / num_attention_heads)");
        }
        if (hiddenSize != null && config.positions().embeddings().areSinusoids() && hiddenSize % 2 != 0) {
            problems.add(
                    "Cannot use 'position_embeddings' in config.json: expected an even hidden_size (a sine and a cosine"
                            + " per frequency), got " + hiddenSize);
        }
    }

    private Optional<WrittenConfig> read() {
        JsonNode type = root.value("model_type");
        if (type == null || !type.isTextual() || !type.textValue().equals(MODEL_TYPE)) {
            for (PublishedModel model : PublishedModel.ALL) {
                if (type != null && type.isTextual() && type.textValue().equals(model.modelType())) {
                    return Optional.of(model.read(root));
                }
            }
            String known = PublishedModel.ALL.stream()
                    .map(PublishedModel::modelType)
                    .collect(Collectors.joining(", ", MODEL_TYPE + ", " + WrittenVectors.MODEL_TYPE + ", ", ""));
            root.bad("model_type", "one of " + known, ConfigObject.shown(type));
            if (type != null) {
                return Optional.empty();
            }
        }
        root.checkKeys(KEYS);
        Integer hiddenSize = root.size("hidden_size");
        List<ModalityConfig> modalities = new ModalityKeys(root, problems).read(hiddenSize);
        PositionConfig positions = new PositionKeys(root, modalities).read();
        boolean hasStreams = TopologyReader.isWritten(root);
        WrittenConfig.Topology topology =
                hasStreams ? TopologyReader.read(root, modalities, hiddenSize, positions, problems) : null;
        return Optional.of(new WrittenConfig(
                null,
                hasStreams && topology == null ? null : modalities,
                hiddenSize,
                hasStreams ? null : root.size("num_hidden_layers"),
                new WrittenLayer(
                        hasStreams ? null : root.size("num_attention_heads"),
                        root.has("num_key_value_heads") && !hasStreams ? root.size("num_key_value_heads") : null,
                        root.has("intermediate_size") && !hasStreams ? root.size("intermediate_size") : null,
                        root.choice("hidden_act", null, choices(Activation.values(), Activation::configName)),
                        root.flag("norm_first", null),
                        root.choice("norm_type", null, choices(NormType.values(), NormType::configName)),
                        root.positive("layer_norm_eps")),
                positions,
                parts(positions.embeddings()),
                pooling(root),
                tensorPrefixes(modalities),
                topology));
    }

    private Map<OptionalPart, Boolean> parts(PositionEmbeddings positions) {
        Map<OptionalPart, Boolean> parts = new EnumMap<>(OptionalPart.class);
        for (OptionalPart part : PART_KEYS) {
            Boolean has = root.flag(part.configName(), null);
            if (has != null) {
                parts.put(part, has);
            }
        }
        if (root.has(PositionKeys.EMBEDDINGS)) {
            parts.put(OptionalPart.POSITION_EMBEDDINGS, positions == PositionEmbeddings.LEARNED);
            parts.put(OptionalPart.CONCATENATED_POSITION_EMBEDDINGS, positions == PositionEmbeddings.CONCATENATED);
        }
        return parts;
    }

    /** The pooling that a config names; null if it names none, or an unknown one, which is reported. */
    static Pooling pooling(ConfigObject root) {
        return root.choice("pooling", null, choices(Pooling.values(), Pooling::configName));
    }

    /** Maps the spelling of each value to the value. */
    static <T> Map<String, T> choices(T[] values, Function<T, String> spelling) {
        Map<String, T> choices = new LinkedHashMap<>();
        for (T value : values) {
            choices.put(spelling.apply(value), value);
        }
        return choices;
    }

    /** Whether a name can be used for a column and for a field of a struct. */
    static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    private Map<String, String> tensorPrefixes(List<ModalityConfig> modalities) {
        JsonNode object = root.value("tensor_prefixes");
        if (object == null) {
            return Map.of();
        }
        if (!object.isObject()) {
            root.bad("tensor_prefixes", "an object of strings", ConfigObject.shown(object));
            return null;
        }
        ConfigObject written = root.object("tensor_prefixes");
        if (modalities != null) {
            // In a config with streams, each stack gives its own prefix.
            Stream<String> encoder = TopologyReader.isWritten(root) ? Stream.empty() : Stream.of(WrittenConfig.ENCODER);
            Stream<String> parts = modalities.stream()
                    .flatMap(modality -> Stream.concat(
                            Stream.of(modality.name()),
                            EmbeddingTensors.PARTS.stream().map(part -> modality.name() + "." + part)));
            written.checkKeys(Stream.concat(parts, encoder).toList());
        }
        Map<String, String> prefixes = new LinkedHashMap<>();
        object.properties().forEach(field -> {
            if (field.getValue().isTextual()) {
                prefixes.put(field.getKey(), field.getValue().textValue());
            } else {
                written.bad(field.getKey(), "a string", ConfigObject.shown(field.getValue()));
            }
        });
        return prefixes.size() == object.size() ? prefixes : null;
    }
}
