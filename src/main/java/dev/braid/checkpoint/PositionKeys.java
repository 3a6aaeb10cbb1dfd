package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.braid.checkpoint.RotaryEmbeddings.Pairs;
import java.util.List;
import java.util.stream.Collectors;

/** Reads the keys of {@code config.json} that say how positions are encoded. */
final class PositionKeys {
    static final String EMBEDDINGS = OptionalPart.POSITION_EMBEDDINGS.configName();

    private final ConfigObject root;
    private final List<ModalityConfig> modalities;

    /** @param modalities the modalities of the model, or null if they are broken */
    PositionKeys(ConfigObject root, List<ModalityConfig> modalities) {
        this.root = root;
        this.modalities = modalities;
    }

    PositionConfig read() {
        PositionEmbeddings embeddings = positionEmbeddings();
        Pairs pairs = root.choice("rotary_embeddings", null, ConfigReader.choices(Pairs.values(), Pairs::configName));
        Float theta = root.positive("rope_theta");
        if (theta != null && !root.has("rotary_embeddings")) {
            root.bad("rope_theta", "no such key without rotary_embeddings", theta.toString());
        }
        boolean computed = root.has("rotary_embeddings") || embeddings.areSinusoids();
        Integer rows = root.size("max_position_embeddings", PositionConfig.USUAL_POSITIONS);
        if (root.has("max_position_embeddings") && !computed) {
            root.bad(
                    "max_position_embeddings",
                    "no such key without rotary_embeddings or sinusoidal position_embeddings (a learned table has its"
                            + " own size)",
                    String.valueOf(rows));
        }
        return new PositionConfig(
                embeddings,
                withTable(),
                pairs == null
                        ? null
                        : new RotaryEmbeddings(pairs, theta == null ? RotaryEmbeddings.USUAL_THETA : theta),
                computed && rows != null ? rows : ModalityConfig.UNLIMITED);
    }

    /** The modalities that {@code position_embeddings} lists; empty if its value is not a list. */
    private List<String> withTable() {
        JsonNode value = root.value(EMBEDDINGS);
        if (modalities == null || value == null || !value.isArray()) {
            return List.of();
        }
        List<String> names = modalities.stream().map(ModalityConfig::name).toList();
        List<Integer> listed = TopologyReader.indices(root, EMBEDDINGS, names, "modalities");
        return listed == null ? List.of() : listed.stream().map(names::get).toList();
    }

    private PositionEmbeddings positionEmbeddings() {
        JsonNode value = root.value(EMBEDDINGS);
        if (value != null && value.isArray()) {
            return PositionEmbeddings.LEARNED;
        }
        if (value == null || (value.isBoolean() && !value.booleanValue())) {
            return PositionEmbeddings.NONE;
        }
        if (value.isBoolean()) {
            return PositionEmbeddings.LEARNED;
        }
        List<PositionEmbeddings> named = List.of(
                PositionEmbeddings.CONCATENATED,
                PositionEmbeddings.SINUSOIDAL,
                PositionEmbeddings.SINUSOIDAL_CONCATENATED);
        for (PositionEmbeddings embeddings : named) {
            if (value.isTextual() && value.textValue().equals(embeddings.configName())) {
                return embeddings;
            }
        }
        root.bad(
                EMBEDDINGS,
                named.stream()
                        .map(PositionEmbeddings::configName)
                        .collect(Collectors.joining(", ", "true, false, a list of modalities, ", "")),
                ConfigObject.shown(value));
        return PositionEmbeddings.NONE;
    }
}
