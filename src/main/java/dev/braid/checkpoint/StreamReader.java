package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Reads one object of {@code streams} in {@code config.json}. Reports every problem. */
final class StreamReader {
    private static final List<String> KEYS = List.of(
            "name", "modalities", "hidden_size", "learned_tokens", "tensor", "join", "concat", "pool", "pooling");

    private static final Map<String, Pooling> POOLINGS = ConfigReader.choices(
            new Pooling[] {Pooling.CLS, Pooling.LAST, Pooling.MEAN, Pooling.MAX}, Pooling::configName);

    private final ConfigObject stream;
    private final List<ModalityConfig> modalities;
    private final int hiddenSize;
    private final PositionConfig positions;
    private final List<StreamConfig> before;

    /**
     * A reader of one object.
     *
     * @param hiddenSize the hidden size of the model
     * @param positions the positions of the model
     * @param before the streams before it in the list
     */
    StreamReader(
            ConfigObject stream,
            List<ModalityConfig> modalities,
            int hiddenSize,
            PositionConfig positions,
            List<StreamConfig> before) {
        this.stream = stream;
        this.modalities = modalities;
        this.hiddenSize = hiddenSize;
        this.positions = positions;
        this.before = before;
    }

    /** The stream; empty if the object is broken. */
    Optional<WrittenStream> read() {
        stream.checkKeys(KEYS);
        String name = stream.text("name");
        if (name == null) {
            return Optional.empty();
        }
        if (!ConfigReader.isName(name)) {
            stream.bad("name", ConfigReader.NAME_EXPECTED, Quote.of(name));
            return Optional.empty();
        }
        if (names().stream().anyMatch(name::equalsIgnoreCase)) {
            stream.bad("name", "a name of its own (columns ignore case)", "'" + name + "' again");
            return Optional.empty();
        }
        boolean embedded = stream.has("modalities") || stream.has("learned_tokens");
        long forms = Stream.of(embedded, stream.has("join"), stream.has("concat"), stream.has("pool"))
                .filter(has -> has)
                .count();
        if (forms != 1) {
            stream.bad(
                    "name",
                    "a stream of 'modalities' and 'learned_tokens', or one that has 'join', 'concat' or 'pool'",
                    "'" + name + "'");
            return Optional.empty();
        }
        checkKeysOfOtherForms();
        if (stream.has("concat")) {
            return concatenated(name);
        }
        if (stream.has("pool")) {
            return pooled(name);
        }
        return stream.has("join") ? joined(name) : embedded(name);
    }

    private void checkKeysOfOtherForms() {
        if (stream.has("tensor") && !stream.has("learned_tokens")) {
            stream.bad("tensor", "no such key without 'learned_tokens'", ConfigObject.shown(stream.value("tensor")));
        }
        if (stream.has("pooling") && !stream.has("pool")) {
            stream.bad("pooling", "no such key without 'pool'", ConfigObject.shown(stream.value("pooling")));
        }
    }

    /** A stream of learned tokens and modalities. */
    private Optional<WrittenStream> embedded(String name) {
        List<Integer> own = stream.has("modalities")
                ? TopologyReader.indices(stream, "modalities", modalityNames(), "a modality")
                : List.of();
        Integer learned = stream.has("learned_tokens") ? stream.size("learned_tokens") : Integer.valueOf(0);
        String tensor = learned != null && learned > 0 ? stream.text("tensor") : null;
        Integer size = stream.size("hidden_size", hiddenSize);
        if (own == null || learned == null || size == null) {
            return Optional.empty();
        }
        if (!own.isEmpty() && positions.embeddings().areSinusoids() && size % 2 != 0) {
            stream.bad(
                    "hidden_size",
                    "an even number (sinusoidal position_embeddings have a sine and a cosine per frequency)",
                    size.toString());
        }
        return Optional.of(new WrittenStream(new StreamConfig(name, size, learned, own, List.of()), tensor));
    }

    /** A stream that joins the tokens of other streams, one after another. */
    private Optional<WrittenStream> joined(String name) {
        List<Integer> parts = parts("join");
        Integer size = stream.size("hidden_size", hiddenSize);
        if (parts == null || size == null) {
            return Optional.empty();
        }
        for (int part : parts) {
            if (before.get(part).hiddenSize() != size) {
                stream.bad("join", "streams of hidden size " + size, sized(part));
            }
            checkTokens("join", part);
        }
        if (TopologyReader.hasTwice(parts, before)) {
            stream.bad("join", "every modality and learned token once", "one of them twice, through its parts");
        }
        return Optional.of(new WrittenStream(new StreamConfig(name, size, 0, List.of(), parts), null));
    }

    /** A stream that joins the features of other streams, side by side. */
    private Optional<WrittenStream> concatenated(String name) {
        List<Integer> parts = parts("concat");
        if (parts == null) {
            return Optional.empty();
        }
        int size =
                parts.stream().mapToInt(part -> before.get(part).hiddenSize()).sum();
        checkSize(size);
        int first = parts.get(0);
        for (int part : parts) {
            if (!tokens(part).equals(tokens(first))) {
                stream.bad(
                        "concat",
                        "streams of the same tokens as '" + before.get(first).name() + "', or pooled ones",
                        "'" + before.get(part).name() + "'");
            }
        }
        return Optional.of(new WrittenStream(StreamConfig.ofFeatures(name, size, parts), null));
    }

    /** The streams that a part's tokens come from; empty for any pooled part, so that pooled parts match. */
    private List<Integer> tokens(int part) {
        return before.get(part).isOneVector(before)
                ? List.of()
                : TopologyReader.parts(part, before).toList();
    }

    /** A stream of one vector per row, pooled from another stream's tokens. */
    private Optional<WrittenStream> pooled(String name) {
        int of = names().indexOf(String.valueOf(stream.text("pool")));
        Pooling pooling = stream.choice("pooling", null, POOLINGS);
        if (!stream.has("pooling")) {
            stream.bad("pooling", "one of " + String.join(", ", POOLINGS.keySet()), "no such key");
        }
        if (of < 0) {
            stream.bad(
                    "pool",
                    "a stream before it (" + TopologyReader.quoted(names()) + ")",
                    ConfigObject.shown(stream.value("pool")));
            return Optional.empty();
        }
        checkTokens("pool", of);
        int size = before.get(of).hiddenSize();
        checkSize(size);
        return pooling == null
                ? Optional.empty()
                : Optional.of(new WrittenStream(StreamConfig.pooled(name, size, of, pooling), null));
    }

    private List<Integer> parts(String key) {
        return TopologyReader.indices(stream, key, names(), "a stream before it");
    }

    private void checkTokens(String key, int part) {
        if (before.get(part).isOneVector(before)) {
            stream.bad(key, "streams of tokens", "'" + before.get(part).name() + "', one vector per row");
        }
    }

    /** Checks an optional {@code hidden_size}, which must equal the size that follows from other streams. */
    private void checkSize(int size) {
        Integer written = stream.has("hidden_size") ? stream.size("hidden_size") : Integer.valueOf(size);
        if (written != null && written != size) {
            stream.bad("hidden_size", size + " (that of its parts together)", written.toString());
        }
    }

    private String sized(int part) {
        return "'" + before.get(part).name() + "' of " + before.get(part).hiddenSize();
    }

    private List<String> modalityNames() {
        return modalities.stream().map(ModalityConfig::name).toList();
    }

    private List<String> names() {
        return before.stream().map(StreamConfig::name).toList();
    }
}
