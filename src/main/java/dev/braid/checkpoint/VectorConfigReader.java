package dev.braid.checkpoint;

import static java.util.function.Function.identity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.braid.NearestName;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reads the {@code config.json} of a {@value WrittenVectors#MODEL_TYPE} strictly: {@code modalities} and {@code steps}.
 * Reports every problem.
 */
final class VectorConfigReader {
    private static final List<String> KEYS = List.of("model_type", "modalities", "steps");

    private static final float USUAL_EPSILON = 1e-5f;

    private final ConfigObject root;
    private final List<String> problems;
    private List<ModalityConfig> modalities = List.of();
    private boolean knowsModalities;
    private final List<WrittenVectors.Step> steps = new ArrayList<>();
    /** The names of the vectors so far, modalities first. A broken step has an entry too, which may be empty. */
    private final List<String> names = new ArrayList<>();

    private final Set<Integer> read = new HashSet<>();

    private VectorConfigReader(ConfigObject root, List<String> problems) {
        this.root = root;
        this.problems = problems;
    }

    /** Whether a config describes such a model. */
    static boolean isWritten(JsonNode root) {
        JsonNode type = root.get("model_type");
        return type != null && type.isTextual() && type.textValue().equals(WrittenVectors.MODEL_TYPE);
    }

    /** The config; empty, with its problems reported, if a key is broken. */
    static Optional<WrittenVectors> read(JsonNode root, List<String> problems) {
        int before = problems.size();
        WrittenVectors written = new VectorConfigReader(new ConfigObject(root, "", problems), problems).read();
        return problems.size() == before ? Optional.of(written) : Optional.empty();
    }

    private WrittenVectors read() {
        root.checkKeys(KEYS);
        List<ModalityConfig> sequences = new ModalityKeys(root, problems).read(null);
        knowsModalities = sequences != null;
        if (knowsModalities) {
            modalities = sequences.stream()
                    .map(modality -> new ModalityConfig(modality.name(), modality.featureSize(), 1))
                    .toList();
        }
        modalities.forEach(modality -> names.add(modality.name()));
        for (int m = 0; m < modalities.size() && sequences != null; m++) {
            if (sequences.get(m).tokenIds() || sequences.get(m).boxes() != null) {
                root.bad("modalities[" + m + "]", "name and feature_size alone (of a vector)", "token ids or boxes");
            }
        }
        JsonNode list = root.value("steps");
        if (list == null || !list.isArray() || list.isEmpty()) {
            root.bad("steps", "a list of one or more steps", ConfigObject.shown(list));
            return null;
        }
        for (int i = 0; i < list.size(); i++) {
            String path = "steps[" + i + "]";
            if (list.get(i).isObject()) {
                read(new ConfigObject(list.get(i), path + ".", problems), path + ".");
            } else {
                root.bad(path, "an object", ConfigObject.shown(list.get(i)));
            }
        }
        if (knowsModalities && steps.size() == list.size()) {
            checkAllAreRead();
        }
        return new WrittenVectors(modalities, steps);
    }

    private void read(ConfigObject step, String path) {
        Map<String, VectorStep.Kind> kinds =
                ConfigReader.choices(VectorStep.Kind.values(), VectorStep.Kind::configName);
        VectorStep.Kind kind = step.choice("kind", null, kinds);
        if (kind == null) {
            if (!step.has("kind")) {
                step.bad("kind", "one of " + String.join(", ", kinds.keySet()), "no such key");
            }
            names.add(step.has("name") ? step.value("name").asText() : "");
            return;
        }
        step.checkKeys(keys(kind));
        String name = name(step);
        List<Integer> inputs = inputs(step, kind);
        Activation function = kind == VectorStep.Kind.ACTIVATION ? function(step) : null;
        NormType norm = kind == VectorStep.Kind.NORM
                ? step.choice(
                        "norm_type", NormType.LAYER_NORM, ConfigReader.choices(NormType.values(), NormType::configName))
                : null;
        Float epsilon = step.has("eps") ? step.positive("eps") : Float.valueOf(USUAL_EPSILON);
        String prefix = step.has("prefix") ? step.text("prefix") : name;
        names.add(name == null ? "" : name);
        if (name != null && inputs != null && prefix != null && epsilon != null) {
            boolean normalises = kind == VectorStep.Kind.NORM || kind == VectorStep.Kind.BATCH_NORM;
            VectorStep read =
                    new VectorStep(kind, name, inputs, StoredStack.UNKNOWN, function, norm, normalises ? epsilon : 0f);
            steps.add(new WrittenVectors.Step(path, read, prefix));
        }
    }

    private static List<String> keys(VectorStep.Kind kind) {
        Stream<String> own = switch (kind) {
            case ACTIVATION -> Stream.of("function");
            case NORM -> Stream.of("norm_type", "eps");
            case BATCH_NORM -> Stream.of("eps");
            case GATE -> Stream.of("gate");
            case WEIGHTED_SUM -> Stream.of("weights");
            case LINEAR, BILINEAR, CONCAT, SUM, PRODUCT, SOFTMAX -> Stream.empty();
        };
        Stream<String> tensors = kind.hasTensors() ? Stream.of("prefix") : Stream.empty();
        return Stream.of(Stream.of("kind", "name", "of"), own, tensors)
                .flatMap(identity())
                .toList();
    }

    private String name(ConfigObject step) {
        String name = step.text("name");
        if (name == null) {
            return null;
        }
        if (!ConfigReader.isName(name)) {
            step.bad("name", ConfigReader.NAME_EXPECTED, Quote.of(name));
            return null;
        }
        if (names.stream().anyMatch(name::equalsIgnoreCase)) {
            step.bad("name", "a name that no modality and no other step has", Quote.of(name) + " again");
            return null;
        }
        return name;
    }

    private static Activation function(ConfigObject step) {
        Map<String, Activation> functions = ConfigReader.choices(Activation.values(), Activation::configName);
        if (!step.has("function")) {
            step.bad("function", "one of " + String.join(", ", functions.keySet()), "no such key");
        }
        return step.choice("function", null, functions);
    }

    /**
     * The indices of the vectors that {@code of} names (a string or a list of strings), then of the gate or the
     * weights. Null if a name is broken.
     */
    private List<Integer> inputs(ConfigObject step, VectorStep.Kind kind) {
        JsonNode of = step.value("of");
        List<JsonNode> written = new ArrayList<>();
        if (of != null && of.isArray()) {
            of.forEach(written::add);
        } else if (of != null) {
            written.add(of);
        }
        if (written.size() < kind.fewest() || written.size() > kind.most()) {
            step.bad("of", expectedInputs(kind), ConfigObject.shown(of));
            return null;
        }
        List<Integer> inputs = new ArrayList<>();
        written.forEach(name -> inputs.add(input(step, "of", name)));
        if (kind == VectorStep.Kind.GATE) {
            inputs.add(input(step, "gate", step.value("gate")));
        } else if (kind == VectorStep.Kind.WEIGHTED_SUM) {
            inputs.add(input(step, "weights", step.value("weights")));
        }
        read.addAll(inputs);
        return inputs.contains(null) ? null : inputs;
    }

    private static String expectedInputs(VectorStep.Kind kind) {
        String names = "names of modalities or earlier steps";
        if (kind.most() == 1) {
            return "the name of a modality or of an earlier step";
        }
        return (kind.most() == kind.fewest() ? "a list of " + kind.fewest() : "a list of two or more") + " " + names;
    }

    /** The index of the vector that a key names; null, and reported, if there is none. */
    private Integer input(ConfigObject step, String key, JsonNode name) {
        int index = name == null || !name.isTextual() ? -1 : names.indexOf(name.textValue());
        if (index >= 0 && !names.get(index).isEmpty()) {
            return index;
        }
        if (!knowsModalities && name != null && name.isTextual()) {
            return 0; // it may be one of the broken modalities, which are reported
        }
        String known =
                names.stream().filter(text -> !text.isEmpty()).map(Quote::of).collect(Collectors.joining(", "));
        String hint = name != null && name.isTextual() ? NearestName.hint(name.textValue(), names) : "";
        step.bad(key, "a modality or an earlier step (" + known + ")", ConfigObject.shown(name) + hint);
        return null;
    }

    /** Reports every vector that no step reads, except for the last one, which is the output. */
    private void checkAllAreRead() {
        for (int vector = 0; vector < names.size() - 1; vector++) {
            if (!read.contains(vector)) {
                boolean modality = vector < modalities.size();
                root.bad(
                        modality ? "modalities[" + vector + "]" : "steps[" + (vector - modalities.size()) + "]",
                        (modality ? "a modality" : "a step")
                                + " that a later step reads (the last one is the fused vector)",
                        Quote.of(names.get(vector)) + ", which none reads");
            }
        }
    }
}
