package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Writes the error message for a directory without config.json: the keys that the user has to choose, and the values
 * that follow from the weights.
 */
final class MissingConfigMessage {
    /** The message if the weights are missing too, or no value follows from them. */
    static final String ALL =
            "Cannot read config.json: expected model_type, modalities, hidden_size, num_hidden_layers,"
                    + " num_attention_heads, norm_first, hidden_act and layer_norm_eps, got no such file; write one (a state"
                    + " dict does not record heads, norm_first, activation or eps)";

    private static final int MOST_DIVISORS = 10;
    private static final int MOST_MODALITIES = 10;

    private final Map<String, TensorEntry> entries;
    private final StoredStack stored;
    private final List<ModalityConfig> modalities;
    private final long hiddenSize;

    private MissingConfigMessage(Map<String, TensorEntry> entries, StoredStack stored, long hiddenSize) {
        this.entries = entries;
        this.stored = stored;
        this.hiddenSize = hiddenSize;
        this.modalities = projected();
    }

    static String message(WeightFiles files) {
        Map<String, TensorEntry> entries = files.entries();
        for (PublishedModel model : PublishedModel.ALL) {
            if (!StackLocation.find(entries.keySet(), List.of(model.dialect())).isEmpty()) {
                return ALL
                        + "; these tensors have Hugging Face's names, and save_pretrained writes a config.json next to"
                        + " them";
            }
        }
        WrittenConfig config = config(List.of());
        StoredStack stored = StoredStack.find(config, config.stacks().get(0), files, new ArrayList<>());
        if (!stored.isFound() || stored.intermediateSize() == StoredStack.UNKNOWN) {
            return ALL;
        }
        ParameterNames feedForward = stored.location().dialect().layer().feedForward1();
        String firstLayer = stored.location().layer(stored.layers().first());
        TensorEntry entry = entries.get(ParameterNames.weight(feedForward.in(entries.keySet(), firstLayer)));
        return entry == null || entry.shape().rank() != 2
                ? ALL
                : new MissingConfigMessage(entries, stored, entry.shape().dimension(1)).message();
    }

    /** A config that says only that the model has no optional part. */
    private static WrittenConfig config(List<ModalityConfig> modalities) {
        Map<OptionalPart, Boolean> none =
                Arrays.stream(OptionalPart.values()).collect(Collectors.toMap(Function.identity(), part -> false));
        return new WrittenConfig(
                null,
                modalities,
                1,
                Integer.MAX_VALUE,
                new WrittenLayer(1, null, null, null, null, null, null),
                PositionConfig.NONE,
                none,
                null,
                Map.of(),
                null);
    }

    /** The modalities whose projections are stored, 'visual' first. */
    private List<ModalityConfig> projected() {
        List<ModalityConfig> found = new ArrayList<>();
        Dialect.ModelNames names = stored.location().dialect().model();
        for (TensorEntry entry : entries.values()) {
            Shape shape = entry.shape();
            if (shape.rank() == 2 && shape.dimension(0) == hiddenSize && shape.dimension(1) < Integer.MAX_VALUE) {
                names.projected(entry.name())
                        .ifPresent(name -> found.add(new ModalityConfig(name, (int) shape.dimension(1))));
            }
        }
        return found.stream()
                .sorted(Comparator.comparing(modality -> !modality.name().equals("visual")))
                .limit(MOST_MODALITIES)
                .toList();
    }

    private String message() {
        String listed = modalities.stream()
                .map(modality ->
                        "{\"name\": \"" + modality.name() + "\", \"feature_size\": " + modality.featureSize() + "}")
                .collect(Collectors.joining(", "));
        Dialect dialect = stored.location().dialect();
        List<TensorEntry> maps = mapsElsewhere();
        List<String> lines = new ArrayList<>();
        lines.add("Cannot read config.json: expected the architecture, got no such file; write one with these keys,"
                + " which do not follow from the weights:");
        lines.add("'num_attention_heads': a divisor of " + hiddenSize + " (" + divisors() + ")");
        if (!dialect.published()) {
            lines.add("'norm_first': true or false");
            lines.add("'hidden_act': relu, gelu, gelu_new or silu");
            lines.add("'layer_norm_eps': 1e-5 unless the module was made with another");
            if (!normsHaveBiases()) {
                lines.add("'norm_type': layer_norm or rms_norm (no norm of a layer has a bias)");
            }
            if (dialect.equals(Dialect.LLAMA)) {
                lines.add("'num_key_value_heads': where it is not num_attention_heads");
                lines.add("'rotary_embeddings': half in Llama's own code, and its 'rope_theta'");
            }
        }
        lines.add("'modalities': name and feature_size of each, in token order; "
                + (listed.isEmpty() ? unlisted(maps) : "the weights have projections of " + listed));
        lines.add("and with the keys that follow from the weights (" + dialect.title() + ", intermediate_size "
                + stored.intermediateSize() + "), such as this, with a value for every ?:");
        lines.add("{\"model_type\": \"fusion_encoder\", \"modalities\": ["
                + (listed.isEmpty()
                        ? "{\"name\": ?, \"feature_size\": " + (maps.isEmpty() ? hiddenSize : "?") + "}"
                        : listed)
                + "], \"hidden_size\": " + hiddenSize + ", \"num_hidden_layers\": "
                + stored.layers().size() + ", \"num_attention_heads\": ?, " + kind(dialect) + parts() + "}");
        return String.join("\n    ", lines);
    }

    private boolean normsHaveBiases() {
        String layer = stored.location().layer(stored.layers().first());
        ParameterNames norm = stored.location().dialect().layer().feedForwardNorm();
        return entries.containsKey(ParameterNames.bias(norm.in(entries.keySet(), layer)));
    }

    private String unlisted(List<TensorEntry> maps) {
        return maps.isEmpty()
                ? "the weights have no projection, so every feature_size is " + hiddenSize
                : "the weights have no projection of a known name, but "
                        + maps.stream()
                                .limit(MOST_MODALITIES)
                                .map(map -> Quote.of(map.name()) + " " + map.shape())
                                .collect(Collectors.joining(", "))
                        + "; where one is [hidden_size, feature_size] of a modality, say so in tensor_prefixes";
    }

    /** Tensors outside the encoder's layers that could be the projection of a modality. */
    private List<TensorEntry> mapsElsewhere() {
        return entries.values().stream()
                .filter(entry -> entry.shape().rank() == 2
                        && entry.shape().dimension(0) == hiddenSize
                        && entry.name().endsWith(".weight")
                        && stored.location().layerOf(entry.name()) < 0
                        && !entry.name().startsWith(stored.location().layer(0)))
                .toList();
    }

    /** The keys that do not follow from any tensor. A published model has fixed values for them. */
    private static String kind(Dialect dialect) {
        Dialect.LayerKind kind = dialect.usualKind();
        return dialect.published()
                ? "\"norm_first\": " + kind.normFirst() + ", \"hidden_act\": \""
                        + kind.activation().configName() + "\", \"layer_norm_eps\": "
                        + Float.toString(kind.layerNormEps()).replace(".0E", "e")
                : "\"norm_first\": ?, \"hidden_act\": ?, \"layer_norm_eps\": ?";
    }

    private String divisors() {
        String divisors = IntStream.rangeClosed(1, 4096)
                .filter(divisor -> hiddenSize % divisor == 0)
                .limit(MOST_DIVISORS)
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(", "));
        return divisors + (divisors.endsWith(" " + hiddenSize) ? "" : ", ...");
    }

    /** The keys of the optional parts whose presence differs from the default. */
    private String parts() {
        ModelTensors tensors = new ModelTensors(config(modalities), List.of(stored), entries);
        StringBuilder keys = new StringBuilder();
        for (OptionalPart part : OptionalPart.values()) {
            boolean isStored = tensors.storedThoughLacking(part).findAny().isPresent();
            boolean byDefault = part == OptionalPart.ATTENTION_OUTPUT_PROJECTION
                    || (part == OptionalPart.FINAL_LAYER_NORM && isStored);
            if (isStored != byDefault) {
                boolean named = part == OptionalPart.CONCATENATED_POSITION_EMBEDDINGS;
                String value =
                        named ? "\"" + PositionEmbeddings.CONCATENATED.configName() + "\"" : String.valueOf(isStored);
                keys.append(", \"").append(part.configName()).append("\": ").append(value);
            }
        }
        return keys.toString();
    }
}
