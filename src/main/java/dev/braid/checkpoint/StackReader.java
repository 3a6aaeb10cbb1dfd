package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Reads one object of {@code stacks} in {@code config.json}: layers on one stream, or on several streams that exchange
 * tokens, which become one stack per stream. Reports every problem.
 */
final class StackReader {
    private final ConfigObject root;
    private final ConfigObject stack;
    private final String path;
    private final List<StreamConfig> streams;
    private final PositionConfig positions;

    /**
     * A reader of one object.
     *
     * @param root the whole config, whose value is used for a key that the stack does not have
     * @param path the prefix of the object's keys in messages, with its dot
     * @param streams the streams of the model
     * @param positions the positions of the model
     */
    StackReader(
            ConfigObject root, ConfigObject stack, String path, List<StreamConfig> streams, PositionConfig positions) {
        this.root = root;
        this.stack = stack;
        this.path = path;
        this.streams = streams;
        this.positions = positions;
    }

    /** The stacks; none if the object is broken. */
    List<WrittenStack> read() {
        Map<String, StackForm> forms = ConfigReader.choices(StackForm.values(), StackForm::configName);
        StackForm form = stack.choice("kind", null, forms);
        if (form == null && !stack.has("kind")) {
            stack.bad("kind", "one of " + String.join(", ", forms.keySet()), "no such key");
        }
        Stream<String> ofForm = form == null
                ? Arrays.stream(StackForm.values()).flatMap(any -> any.keys().stream())
                : form.keys().stream();
        stack.checkKeys(Stream.of(Stream.of("kind"), WrittenLayers.KEYS.stream(), ofForm)
                .flatMap(keys -> keys)
                .distinct()
                .toList());
        WrittenLayers layers = WrittenLayers.read(root, stack);
        if (form == null) {
            return List.of();
        }
        return switch (form) {
            case ENCODER, DECODER, CROSS_ATTENTION, CROSS_FIRST -> ofOneStream(form.layerKind(), layers);
            case BOTTLENECK -> bottleneck(layers);
            case CO_ATTENTION -> coAttention(layers);
        };
    }

    private List<WrittenStack> ofOneStream(StackConfig.Kind kind, WrittenLayers layers) {
        Integer stream = index("stream");
        Integer memory = kind.attendsToMemory() ? index("memory") : stream;
        String prefix = stack.text("prefix");
        if (stream == null || memory == null || prefix == null || !isSound(layers, kind, List.of(stream))) {
            return List.of();
        }
        if (kind.attendsToMemory() && stream.equals(memory)) {
            stack.bad("memory", "another stream than 'stream'", named(memory));
        }
        return List.of(new WrittenStack(
                path,
                kind,
                stream,
                memory,
                layers.count(),
                layers.layer(),
                new WrittenStack.Prefix(path + "prefix", prefix)));
    }

    /** Encoders of two or more streams, which share a bottleneck from layer {@code fusion_layer} on. */
    private List<WrittenStack> bottleneck(WrittenLayers layers) {
        List<Integer> changed = changed();
        Integer bottleneck = index("bottleneck");
        Map<Integer, String> prefixes = prefixes(changed);
        Integer fusionLayer = fusionLayer(layers);
        if (bottleneck != null) {
            checkBottleneck(bottleneck, changed);
        }
        if (changed.isEmpty()
                || bottleneck == null
                || fusionLayer == null
                || prefixes.size() < changed.size()
                || !isSound(layers, StackConfig.Kind.ENCODER, changed)) {
            return List.of();
        }
        List<WrittenStack> stacks = new ArrayList<>();
        if (fusionLayer > 0) {
            for (int stream : changed) {
                stacks.add(new WrittenStack(
                        path,
                        StackConfig.Kind.ENCODER,
                        stream,
                        stream,
                        layers.count(),
                        new WrittenStack.LayerRange(0, fusionLayer),
                        layers.layer(),
                        prefix(stream, prefixes),
                        Interleaving.NONE));
            }
        }
        for (int i = 0; i < changed.size(); i++) {
            stacks.add(new WrittenStack(
                    path,
                    StackConfig.Kind.ENCODER,
                    changed.get(i),
                    bottleneck,
                    layers.count(),
                    new WrittenStack.LayerRange(fusionLayer, layers.count()),
                    layers.layer(),
                    prefix(changed.get(i), prefixes),
                    new Interleaving(Interleaving.Exchange.BOTTLENECK, changed.size(), i)));
        }
        return stacks;
    }

    /** The number of the first layer with the bottleneck, or null if the key is broken. */
    private Integer fusionLayer(WrittenLayers layers) {
        JsonNode written = stack.value("fusion_layer");
        if (written == null) {
            return 0;
        }
        int most = layers.count() == null ? Integer.MAX_VALUE : layers.count() - 1;
        if (!written.canConvertToInt()
                || !written.isIntegralNumber()
                || written.intValue() < 0
                || written.intValue() > most) {
            stack.bad(
                    "fusion_layer",
                    "the number of a layer, from 0 to " + most + " (num_hidden_layers - 1)",
                    ConfigObject.shown(written));
            return null;
        }
        return written.intValue();
    }

    private void checkBottleneck(int bottleneck, List<Integer> changed) {
        StreamConfig config = streams.get(bottleneck);
        if (config.isJoined() || !config.modalities().isEmpty()) {
            stack.bad("bottleneck", "a stream of learned tokens alone", named(bottleneck));
        }
        for (int stream : changed) {
            if (TopologyReader.parts(stream, streams).toList().contains(bottleneck)) {
                stack.bad("bottleneck", "a stream that is no part of 'streams'", named(bottleneck));
            } else if (streams.get(stream).hiddenSize() != config.hiddenSize()) {
                stack.bad(
                        "streams",
                        "streams of hidden size " + config.hiddenSize() + " (that of " + named(bottleneck) + ")",
                        named(stream) + " of " + streams.get(stream).hiddenSize());
            }
        }
    }

    /** Two streams that attend to each other. */
    private List<WrittenStack> coAttention(WrittenLayers layers) {
        List<Integer> changed = changed();
        Map<Integer, String> prefixes = prefixes(changed);
        List<StackConfig.Kind> kinds = Arrays.stream(StackConfig.Kind.values())
                .filter(StackConfig.Kind::attendsToMemory)
                .toList();
        StackConfig.Kind kind = stack.choice(
                "layer_kind",
                StackConfig.Kind.DECODER,
                ConfigReader.choices(kinds.toArray(StackConfig.Kind[]::new), StackConfig.Kind::configName));
        if (changed.isEmpty() || kind == null || prefixes.size() < changed.size() || !isSound(layers, kind, changed)) {
            return List.of();
        }
        if (changed.size() != 2) {
            stack.bad("streams", "two streams, which attend to each other", Integer.toString(changed.size()));
            return List.of();
        }
        List<WrittenStack> stacks = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            stacks.add(new WrittenStack(
                    path,
                    kind,
                    changed.get(i),
                    changed.get(1 - i),
                    layers.count(),
                    null,
                    layers.layer(),
                    prefix(changed.get(i), prefixes),
                    new Interleaving(Interleaving.Exchange.CO_ATTENTION, 2, i)));
        }
        return stacks;
    }

    /** The indices of the streams that {@code streams} lists; empty, and reported, if the list is broken. */
    private List<Integer> changed() {
        List<Integer> changed = TopologyReader.indices(stack, "streams", names(), "streams");
        if (changed != null && changed.size() < 2) {
            stack.bad("streams", "two streams or more", named(changed.get(0)));
            return List.of();
        }
        if (changed == null) {
            return List.of();
        }
        changed.forEach(stream -> checkTokens("streams", stream));
        return changed;
    }

    /** The prefix of each stream's layers. Broken ones are reported and omitted. */
    private Map<Integer, String> prefixes(List<Integer> changed) {
        Map<Integer, String> prefixes = new LinkedHashMap<>();
        if (!stack.has("prefixes")) {
            stack.bad("prefixes", "an object of a string for each stream", "no such key");
            return prefixes;
        }
        ConfigObject written = stack.object("prefixes");
        if (!changed.isEmpty()) {
            written.checkKeys(changed.stream().map(names()::get).toList());
        }
        for (int stream : changed) {
            String prefix = written.text(names().get(stream));
            if (prefix != null) {
                prefixes.put(stream, prefix);
            }
        }
        return prefixes;
    }

    private WrittenStack.Prefix prefix(int stream, Map<Integer, String> prefixes) {
        return new WrittenStack.Prefix(path + "prefixes." + names().get(stream), prefixes.get(stream));
    }

    /** Checks the layers against their streams, as {@link WrittenLayers#checkHeads} says. */
    private boolean isSound(WrittenLayers layers, StackConfig.Kind kind, List<Integer> changed) {
        boolean rotates = kind.attendsToItself() && positions.rotary() != null;
        return layers.checkHeads(
                changed.stream().map(stream -> streams.get(stream).hiddenSize()).toList(), rotates, stack);
    }

    private Integer index(String key) {
        JsonNode name = stack.value(key);
        int index = name == null || !name.isTextual() ? -1 : names().indexOf(name.textValue());
        if (index < 0) {
            stack.bad(key, "a stream (" + TopologyReader.quoted(names()) + ")", ConfigObject.shown(name));
            return null;
        }
        checkTokens(key, index);
        return index;
    }

    private void checkTokens(String key, int stream) {
        if (streams.get(stream).isOneVector(streams)) {
            stack.bad(key, "a stream of tokens", named(stream) + ", one vector per row");
        }
    }

    private List<String> names() {
        return streams.stream().map(StreamConfig::name).toList();
    }

    private String named(int stream) {
        return Quote.of(names().get(stream));
    }
}
