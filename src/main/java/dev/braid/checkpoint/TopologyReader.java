package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Reads {@code streams}, {@code stacks} and {@code output} of {@code config.json}, for a model that is not just one
 * stream through one encoder. Reports every problem.
 */
final class TopologyReader {
    static final List<String> KEYS = List.of("streams", "stacks", "output");

    /** Keys of the whole model that a config with streams cannot have, each with what it has instead. */
    private static final Map<String, String> SINGLE_STREAM_KEYS = Map.of(
            "num_hidden_layers", "num_hidden_layers of a stack",
            "intermediate_size", "intermediate_size of a stack",
            "cls_token", "learned_tokens of a stream",
            "embedding_layer_norm", "no such key",
            "final_layer_norm", "no such key: a stack has the norm that its tensors have");

    private final ConfigObject root;
    private final List<ModalityConfig> modalities;
    private final Integer hiddenSize;
    private final PositionConfig positions;
    private final List<String> problems;
    private final List<WrittenStream> streams = new ArrayList<>();

    private TopologyReader(
            ConfigObject root,
            List<ModalityConfig> modalities,
            Integer hiddenSize,
            PositionConfig positions,
            List<String> problems) {
        this.root = root;
        this.modalities = modalities;
        this.hiddenSize = hiddenSize;
        this.positions = positions;
        this.problems = problems;
    }

    /** Whether a config with streams may have the key of an optional part. */
    static boolean hasKey(OptionalPart part) {
        return !SINGLE_STREAM_KEYS.containsKey(part.configName());
    }

    /** Whether a config describes streams. */
    static boolean isWritten(ConfigObject root) {
        return KEYS.stream().anyMatch(root::has);
    }

    /**
     * Reads the three keys.
     *
     * @param modalities the modalities of the model, or null if they are broken
     * @param hiddenSize the hidden size of the model, or null if it is broken
     * @param positions the positions of the model
     * @return null if a key is broken
     */
    static WrittenConfig.Topology read(
            ConfigObject root,
            List<ModalityConfig> modalities,
            Integer hiddenSize,
            PositionConfig positions,
            List<String> problems) {
        int before = problems.size();
        WrittenConfig.Topology topology = new TopologyReader(root, modalities, hiddenSize, positions, problems).read();
        return problems.size() == before && modalities != null && hiddenSize != null ? topology : null;
    }

    private WrittenConfig.Topology read() {
        int before = problems.size();
        SINGLE_STREAM_KEYS.forEach((key, instead) -> {
            if (root.has(key)) {
                root.bad(key, instead + " (the config has 'streams')", ConfigObject.shown(root.value(key)));
            }
        });
        if (positions.embeddings() == PositionEmbeddings.CONCATENATED) {
            root.bad(
                    PositionKeys.EMBEDDINGS,
                    "true (a table per modality), false, sinusoidal or sinusoidal_concatenated (the config has 'streams')",
                    "'" + positions.embeddings().configName() + "'");
        }
        if (hiddenSize == null || modalities == null) {
            return null;
        }
        for (ConfigObject stream : objects("streams", "a list of one or more streams")) {
            new StreamReader(stream, modalities, hiddenSize, positions, streamConfigs())
                    .read()
                    .ifPresent(streams::add);
        }
        checkModalities();
        checkGroups();
        List<WrittenStack> stacks = new ArrayList<>();
        List<ConfigObject> written = objects("stacks", "a list of one or more stacks of layers");
        for (int i = 0; i < written.size(); i++) {
            stacks.addAll(
                    new StackReader(root, written.get(i), "stacks[" + i + "].", streamConfigs(), positions).read());
        }
        WrittenConfig.Topology topology = new WrittenConfig.Topology(streams, stacks, output());
        if (problems.size() == before) {
            checkReach(topology);
        }
        return topology;
    }

    private void checkReach(WrittenConfig.Topology topology) {
        TopologyReach.Unreached unreached = TopologyReach.of(topology);
        for (WrittenStack stack : unreached.stacks()) {
            String stream = streamNames().get(stack.stream());
            root.bad(
                    stack.path().substring(0, stack.path().length() - 1),
                    "a stack that changes the fused tokens",
                    "one on '" + stream + "', whose tokens nothing reads afterwards (a join copies its parts when it is"
                            + " first read)");
        }
        for (int stream : unreached.streams()) {
            root.bad("streams[" + stream + "]", "a stream that the fused tokens depend on", named(stream));
        }
        for (int stream : unreached.constant()) {
            root.bad("output", "streams that depend on the features", named(stream) + ", which no stack changes");
        }
    }

    private String named(int stream) {
        return "'" + streamNames().get(stream) + "'";
    }

    private List<ConfigObject> objects(String key, String expected) {
        JsonNode list = root.value(key);
        if (list == null || !list.isArray() || list.isEmpty()) {
            root.bad(key, expected, ConfigObject.shown(list));
            return List.of();
        }
        List<ConfigObject> objects = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            String path = key + "[" + i + "]";
            if (list.get(i).isObject()) {
                objects.add(new ConfigObject(list.get(i), path + ".", problems));
            } else {
                root.bad(path, "an object", ConfigObject.shown(list.get(i)));
            }
        }
        return objects;
    }

    /** Whether some tokens are in more than one of these streams, directly or through joined streams. */
    static boolean hasTwice(List<Integer> ofStreams, List<StreamConfig> streams) {
        List<Integer> flat =
                ofStreams.stream().flatMap(stream -> parts(stream, streams)).toList();
        return flat.stream().distinct().count() < flat.size();
    }

    /**
     * The streams that a stream's tokens come from. A stream of learned tokens or modalities, or a pooled one, is its
     * own only source.
     */
    static Stream<Integer> parts(int stream, List<StreamConfig> streams) {
        StreamConfig config = streams.get(stream);
        if (!config.isJoined() || config.joining() == StreamConfig.Joining.POOLED) {
            return Stream.of(stream);
        }
        int parts = config.joining() == StreamConfig.Joining.FEATURES
                ? 1
                : config.joined().size(); // all have the same tokens
        return config.joined().subList(0, parts).stream().flatMap(part -> parts(part, streams));
    }

    private List<String> names() {
        return modalities.stream().map(ModalityConfig::name).toList();
    }

    private List<String> streamNames() {
        return streamConfigs().stream().map(StreamConfig::name).toList();
    }

    private List<StreamConfig> streamConfigs() {
        return streams.stream().map(WrittenStream::config).toList();
    }

    static String quoted(List<String> names) {
        return names.stream().map(Quote::of).collect(Collectors.joining(", "));
    }

    /** The indices of the names that a key lists; null, and reported, if the list is broken. */
    static List<Integer> indices(ConfigObject object, String key, List<String> known, String expected) {
        JsonNode list = object.value(key);
        Set<Integer> indices = new LinkedHashSet<>();
        boolean sound = list != null && list.isArray() && !list.isEmpty();
        for (int i = 0; sound && i < list.size(); i++) {
            int index = known.indexOf(list.get(i).asText());
            sound = index >= 0 && indices.add(index);
        }
        if (!sound) {
            object.bad(
                    key,
                    "a list of names, each of them once: " + expected + " (" + quoted(known) + ")",
                    ConfigObject.shown(list));
            return null;
        }
        return List.copyOf(indices);
    }

    /** Checks that every modality is in exactly one stream. */
    private void checkModalities() {
        for (int m = 0; m < modalities.size(); m++) {
            int modality = m;
            long count = streams.stream()
                    .filter(stream -> stream.config().modalities().contains(modality))
                    .count();
            if (count != 1) {
                root.bad(
                        "streams",
                        "every modality in the 'modalities' of one stream",
                        "'" + modalities.get(m).name() + "' in " + count);
            }
        }
    }

    /**
     * Checks the names of streams with learned tokens or pooled vectors. These become fields of the same column as the
     * modalities, so the names must differ.
     */
    private void checkGroups() {
        for (WrittenStream stream : streams) {
            String name = stream.config().name();
            boolean taken = names().stream().anyMatch(name::equalsIgnoreCase);
            boolean named =
                    stream.config().learnedTokens() > 0 || stream.config().isOneVector(streamConfigs());
            if (named && taken) {
                root.bad(
                        "streams",
                        "another name than a modality's for a stream with learned tokens or a pooled vector",
                        "'" + name + "'");
            }
        }
    }

    private List<Integer> output() {
        List<Integer> output = indices(root, "output", streamNames(), "streams");
        if (output == null) {
            return List.of();
        }
        if (hasTwice(output, streamConfigs())) {
            root.bad("output", "every modality and learned token once", "one of them twice, through joined streams");
        }
        Set<Integer> sizes = output.stream()
                .map(stream -> streams.get(stream).config().hiddenSize())
                .collect(Collectors.toSet());
        if (!sizes.equals(Set.of(hiddenSize))) {
            root.bad("output", "streams of hidden size " + hiddenSize + " (hidden_size)", sizes.toString());
        }
        return output;
    }
}
