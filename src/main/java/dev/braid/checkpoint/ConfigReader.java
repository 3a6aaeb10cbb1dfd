package dev.braid.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads {@code config.json} strictly: known keys, exact types, every problem reported. */
final class ConfigReader {
    private static final String MODEL_TYPE = "fusion_encoder";

    /** Keys of what this version has not: they may be written out with their default, false. */
    private static final Map<String, String> LATER = Map.of(
            "norm_first", "pre-norm layers are",
            "final_layer_norm", "a LayerNorm after the last layer is",
            "cls_token", "a learned CLS token is",
            "modality_embeddings", "modality embeddings are",
            "position_embeddings", "position embeddings are",
            "embedding_layer_norm", "a LayerNorm before the first layer is");

    private static final Set<String> KEYS = Stream.concat(
                    LATER.keySet().stream(),
                    Stream.of(
                            "model_type",
                            "modalities",
                            "hidden_size",
                            "num_hidden_layers",
                            "num_attention_heads",
                            "intermediate_size",
                            "hidden_act",
                            "layer_norm_eps",
                            "attention_output_projection",
                            "pooling",
                            "tensor_prefixes"))
            .collect(Collectors.toCollection(TreeSet::new));

    private static final List<String> MODALITY_KEYS = List.of("name", "feature_size");

    /** A modality's name is a column's and a struct field's, and stands before = on the command line. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    /** Names of other parts, beside which a modality stands. */
    private static final Set<String> RESERVED = Set.of("cls", WrittenConfig.ENCODER);

    private static final ObjectMapper JSON = new JsonMapper(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final JsonNode root;
    private final List<String> problems;

    private ConfigReader(JsonNode root, List<String> problems) {
        this.root = root;
        this.problems = problems;
    }

    /** Empty where the file is not a config of this project at all; otherwise broken keys are null and reported. */
    static Optional<WrittenConfig> read(byte[] file, List<String> problems) {
        JsonNode root;
        try {
            root = JSON.readTree(file);
        } catch (JsonProcessingException e) {
            problems.add("Cannot read config.json: expected JSON, got " + Quote.of(e));
            return Optional.empty();
        } catch (IOException e) {
            problems.add("Cannot read config.json: expected JSON, got " + Quote.of(e));
            return Optional.empty();
        }
        if (!root.isObject()) {
            problems.add("Cannot read config.json: expected a JSON object, got " + shown(root));
            return Optional.empty();
        }
        return new ConfigReader(root, problems).read();
    }

    private Optional<WrittenConfig> read() {
        JsonNode type = root.get("model_type");
        if (type == null || !type.isTextual() || !type.textValue().equals(MODEL_TYPE)) {
            bad("model_type", "'" + MODEL_TYPE + "' (this version supports no other)", shown(type));
            if (type != null) {
                return Optional.empty();
            }
        }
        checkKeys(root, "", KEYS);
        LATER.keySet().stream().sorted().forEach(this::checkLater);
        List<ModalityConfig> modalities = modalities();
        Integer hiddenSize = size(root, "", "hidden_size");
        Integer layers = size(root, "", "num_hidden_layers");
        Integer heads = size(root, "", "num_attention_heads");
        if (hiddenSize != null && heads != null && hiddenSize % heads != 0) {
            bad("hidden_size", "a multiple of " + heads + " (num_attention_heads)", hiddenSize.toString());
        }
        return Optional.of(new WrittenConfig(
                modalities,
                hiddenSize,
                layers,
                heads,
                root.has("intermediate_size") ? size(root, "", "intermediate_size") : null,
                choice("hidden_act", Activation.RELU, Activation.values(), Activation::configName),
                layerNormEps(),
                attentionOutputProjection(),
                choice("pooling", Pooling.MEAN, Pooling.values(), Pooling::configName),
                tensorPrefixes(modalities)));
    }

    private void checkKeys(JsonNode object, String path, Collection<String> known) {
        object.fieldNames().forEachRemaining(key -> {
            if (!known.contains(key)) {
                problems.add("Cannot use " + Quote.of(path + key) + " in config.json: expected a known key, got "
                        + Quote.of(key)
                        + NearestName.of(key, known)
                                .map(nearest -> "; the nearest is '" + nearest + "'")
                                .orElse(""));
            }
        });
    }

    private void checkLater(String key) {
        JsonNode node = root.get(key);
        if (node == null) {
            return;
        }
        if (!node.isBoolean()) {
            bad(key, "true or false", shown(node));
        } else if (node.booleanValue()) {
            bad(key, "false (" + LATER.get(key) + " not supported by this version)", "true");
        }
    }

    private Integer size(JsonNode object, String path, String key) {
        JsonNode node = object.get(key);
        if (node != null && node.isIntegralNumber() && node.canConvertToInt() && node.intValue() > 0) {
            return node.intValue();
        }
        bad(path + key, "a whole number from 1 to " + Integer.MAX_VALUE, shown(node));
        return null;
    }

    private Float layerNormEps() {
        JsonNode node = root.get("layer_norm_eps");
        if (node == null) {
            return 1e-5f;
        }
        if (node.isNumber() && node.floatValue() > 0 && Float.isFinite(node.floatValue())) {
            return node.floatValue();
        }
        bad("layer_norm_eps", "a positive float32", shown(node));
        return null;
    }

    private Boolean attentionOutputProjection() {
        JsonNode node = root.get("attention_output_projection");
        if (node == null || node.isBoolean()) {
            return node == null || node.booleanValue();
        }
        bad("attention_output_projection", "true or false", shown(node));
        return null;
    }

    private <T> T choice(String key, T byDefault, T[] values, Function<T, String> spelling) {
        JsonNode node = root.get(key);
        if (node == null) {
            return byDefault;
        }
        for (T value : values) {
            if (node.isTextual() && node.textValue().equals(spelling.apply(value))) {
                return value;
            }
        }
        String known = Arrays.stream(values).map(spelling).collect(Collectors.joining(", "));
        bad(key, "one of " + known + " (this version supports no other)", shown(node));
        return null;
    }

    private List<ModalityConfig> modalities() {
        JsonNode list = root.get("modalities");
        if (list == null || !list.isArray() || list.isEmpty()) {
            bad("modalities", "a list of one or more {\"name\", \"feature_size\"}", shown(list));
            return null;
        }
        List<ModalityConfig> modalities = new ArrayList<>();
        Set<String> taken = new HashSet<>();
        for (int i = 0; i < list.size(); i++) {
            JsonNode modality = list.get(i);
            String path = "modalities[" + i + "]";
            if (!modality.isObject()) {
                bad(path, "an object of name and feature_size", shown(modality));
                continue;
            }
            checkKeys(modality, path + ".", MODALITY_KEYS);
            String name = name(modality.get("name"), path + ".name", taken);
            Integer featureSize = size(modality, path + ".", "feature_size");
            if (name != null && featureSize != null) {
                modalities.add(new ModalityConfig(name, featureSize));
            }
        }
        return modalities.size() == list.size() ? modalities : null;
    }

    private String name(JsonNode node, String path, Set<String> taken) {
        if (node == null || !node.isTextual() || !NAME.matcher(node.textValue()).matches()) {
            bad(path, "a name of letters a-z, digits and underscores, not beginning with a digit", shown(node));
            return null;
        }
        String name = node.textValue();
        if (RESERVED.contains(name.toLowerCase(Locale.ROOT))) {
            bad(path, "a name other than those of the model's parts", shown(node));
            return null;
        }
        if (!taken.add(name.toLowerCase(Locale.ROOT))) {
            bad(path, "a name of its own (columns ignore case)", shown(node) + " again");
            return null;
        }
        return name;
    }

    private Map<String, String> tensorPrefixes(List<ModalityConfig> modalities) {
        JsonNode object = root.get("tensor_prefixes");
        if (object == null) {
            return Map.of();
        }
        if (!object.isObject()) {
            bad("tensor_prefixes", "an object of strings", shown(object));
            return null;
        }
        if (modalities != null) {
            List<String> parts = Stream.concat(
                            modalities.stream().map(ModalityConfig::name), Stream.of(WrittenConfig.ENCODER))
                    .toList();
            checkKeys(object, "tensor_prefixes.", parts);
        }
        Map<String, String> prefixes = new LinkedHashMap<>();
        object.properties().forEach(field -> {
            if (field.getValue().isTextual()) {
                prefixes.put(field.getKey(), field.getValue().textValue());
            } else {
                bad("tensor_prefixes." + field.getKey(), "a string", shown(field.getValue()));
            }
        });
        return prefixes.size() == object.size() ? prefixes : null;
    }

    private void bad(String key, String expected, String got) {
        problems.add("Cannot read " + Quote.of(key) + " in config.json: expected " + expected + ", got " + got);
    }

    private static String shown(JsonNode node) {
        if (node == null) {
            return "no such key";
        }
        if (node.isMissingNode()) {
            return "an empty file";
        }
        return node.isTextual() ? Quote.of(node.textValue()) : Quote.cut(node.toString());
    }
}
