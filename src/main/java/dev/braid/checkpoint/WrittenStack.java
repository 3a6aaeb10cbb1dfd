package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * What {@code config.json} says about one stack of layers. A value is null if its key is broken, or if it depends on
 * the weights or their dialect.
 *
 * @param path the prefix of its keys in messages, with its dot, or empty
 * @param stream index of the stream that its layers change
 * @param memory index of the stream that cross-attention reads, or of the bottleneck; {@code stream} itself without
 *     either
 * @param layers how many layers the state dict has under the stack's prefix
 * @param range which of these layers belong to the stack, or null for all
 * @param prefix where the state dict keeps the stack
 * @param published what the published model's code says about the stack, or null in a config of this project's own
 *     format
 */
record WrittenStack(
        String path,
        StackConfig.Kind kind,
        int stream,
        int memory,
        Integer layers,
        LayerRange range,
        WrittenLayer layer,
        Prefix prefix,
        Interleaving interleaving,
        Published published) {

    /**
     * Some of the layers under a prefix.
     *
     * @param first the number of the first one
     * @param end one more than the number of the last one
     */
    record LayerRange(int first, int end) {}

    /**
     * Where the state dict keeps a stack.
     *
     * @param key the key of the config that gives the prefix, as messages name it
     * @param value the prefix, or null if it must be searched for
     */
    record Prefix(String key, String value) {}

    /**
     * What a published model's code says about a stack.
     *
     * @param dialect the names of its tensors
     * @param layersKey the key of the number of its layers
     */
    record Published(Dialect dialect, String layersKey) {}

    /** A stack of a config in this project's own format. */
    WrittenStack(
            String path,
            StackConfig.Kind kind,
            int stream,
            int memory,
            Integer layers,
            LayerRange range,
            WrittenLayer layer,
            Prefix prefix,
            Interleaving interleaving) {
        this(path, kind, stream, memory, layers, range, layer, prefix, interleaving, null);
    }

    /** A stack that does not alternate with another and has all layers under its prefix. */
    WrittenStack(
            String path,
            StackConfig.Kind kind,
            int stream,
            int memory,
            Integer layers,
            WrittenLayer layer,
            Prefix prefix) {
        this(path, kind, stream, memory, layers, null, layer, prefix, Interleaving.NONE);
    }

    WrittenStack withPrefix(String other) {
        Prefix replaced = new Prefix(prefix.key(), other);
        return new WrittenStack(path, kind, stream, memory, layers, range, layer, replaced, interleaving, published);
    }

    int firstLayer() {
        return range == null ? 0 : range.first();
    }

    /** One more than the number of its last layer. */
    int endLayer() {
        return range == null ? layers : range.end();
    }

    /**
     * The dialects that the names of its tensors may have.
     *
     * @param ofEncoders the dialects that an encoder of the model may have
     */
    Collection<Dialect> dialects(Collection<Dialect> ofEncoders) {
        if (published != null) {
            return List.of(published.dialect());
        }
        return switch (kind) {
            case ENCODER -> ofEncoders;
            case DECODER -> List.of(Dialect.TORCH_DECODER, Dialect.LLAMA_DECODER);
            case CROSS_ATTENTION -> List.of(Dialect.CROSS_ATTENTION, Dialect.LLAMA_CROSS_ATTENTION);
            case CROSS_FIRST -> List.of(Dialect.CROSS_FIRST, Dialect.LLAMA_CROSS_FIRST);
        };
    }

    /** The layers of the stack, for an error message. */
    String subject() {
        return "the layers of " + (published == null ? path.substring(0, path.length() - 1) : published.layersKey());
    }

    /** Where the number of layers comes from, for an error message. */
    String layersSource() {
        return (published == null ? path + "num_hidden_layers" : published.layersKey()) + " in config.json";
    }
}
