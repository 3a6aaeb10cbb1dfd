package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Reads {@code modalities} in a {@code config.json} of this project's own format. */
final class ModalityKeys {
    private static final List<String> KEYS = List.of("name", "feature_size", "vocab_size", "box_size", "box_fusion");

    /** Names that a modality cannot have, because other parts of the model have them. */
    private static final Set<String> RESERVED = Set.of("cls", WrittenConfig.ENCODER);

    private final ConfigObject root;
    private final List<String> problems;

    ModalityKeys(ConfigObject root, List<String> problems) {
        this.root = root;
        this.problems = problems;
    }

    /**
     * The modalities in token order, or null if one is broken.
     *
     * @param hiddenSize of the model, or null if it is broken
     */
    List<ModalityConfig> read(Integer hiddenSize) {
        JsonNode list = root.value("modalities");
        if (list == null || !list.isArray() || list.isEmpty()) {
            root.bad("modalities", "a list of one or more {\"name\", \"feature_size\"}", ConfigObject.shown(list));
            return null;
        }
        List<ModalityConfig> modalities = new ArrayList<>();
        Set<String> taken = new HashSet<>();
        for (int i = 0; i < list.size(); i++) {
            String path = "modalities[" + i + "]";
            if (!list.get(i).isObject()) {
                root.bad(path, "an object of name and feature_size", ConfigObject.shown(list.get(i)));
                continue;
            }
            ConfigObject modality = new ConfigObject(list.get(i), path + ".", problems);
            modality.checkKeys(KEYS);
            String name = name(modality, taken);
            ModalityConfig config =
                    modality.has("vocab_size") ? ofTokenIds(name, modality, hiddenSize) : ofFeatures(name, modality);
            if (name != null && config != null) {
                modalities.add(config);
            }
        }
        return modalities.size() == list.size() ? modalities : null;
    }

    /**
     * A modality of token ids, or null if it is broken. Its word embeddings have the hidden size unless the config
     * gives another width.
     */
    private static ModalityConfig ofTokenIds(String name, ConfigObject modality, Integer hiddenSize) {
        Integer words = modality.size("vocab_size");
        if (words != null && words > ModalityConfig.MOST_WORDS) {
            modality.bad("vocab_size", "at most " + ModalityConfig.MOST_WORDS, words.toString());
        }
        for (String key : List.of("box_size", "box_fusion")) {
            if (modality.has(key)) {
                modality.bad(key, "no such key next to vocab_size (token ids have no boxes)", "one");
            }
        }
        // If the hidden size is broken, which is reported already, any width will do.
        Integer width = modality.size("feature_size", hiddenSize == null ? Integer.valueOf(1) : hiddenSize);
        return words == null || width == null
                ? null
                : new ModalityConfig(name, width, null, words, true, ModalityConfig.UNLIMITED);
    }

    /** A modality of features, with boxes if the config gives their size; null if it is broken. */
    private static ModalityConfig ofFeatures(String name, ConfigObject modality) {
        Integer featureSize = modality.size("feature_size");
        BoxFusion fusion = modality.choice(
                "box_fusion", BoxFusion.SUM, ConfigReader.choices(BoxFusion.values(), BoxFusion::configName));
        if (!modality.has("box_size")) {
            if (modality.has("box_fusion")) {
                modality.bad("box_fusion", "no such key without box_size", "one");
            }
            return featureSize == null ? null : new ModalityConfig(name, featureSize);
        }
        Integer boxSize = modality.size("box_size");
        if (featureSize != null && boxSize != null && (long) featureSize + boxSize > Integer.MAX_VALUE) {
            modality.bad(
                    "box_size",
                    "at most " + (Integer.MAX_VALUE - featureSize) + " next to these features",
                    boxSize.toString());
        }
        return featureSize == null || boxSize == null || fusion == null
                ? null
                : new ModalityConfig(
                        name, featureSize, new BoxConfig(boxSize, fusion), 0, false, ModalityConfig.UNLIMITED);
    }

    private static String name(ConfigObject modality, Set<String> taken) {
        JsonNode node = modality.value("name");
        String got = ConfigObject.shown(node);
        if (node == null || !node.isTextual() || !ConfigReader.isName(node.textValue())) {
            modality.bad("name", ConfigReader.NAME_EXPECTED, got);
            return null;
        }
        String name = node.textValue();
        if (RESERVED.contains(name.toLowerCase(Locale.ROOT))) {
            modality.bad("name", "a name other than those of the model's parts", got);
            return null;
        }
        if (!taken.add(name.toLowerCase(Locale.ROOT))) {
            modality.bad("name", "a name of its own (columns ignore case)", got + " again");
            return null;
        }
        return name;
    }
}
