package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * What {@code config.json} says of one stack of layers. Null stands where a key is broken, or left to the weights, their dialect
 * or the keys of the whole model.
 *
 * @param path what stands before its keys in messages, with its dot, or empty
 * @param stream index of the stream that its layers change
 * @param memory index of the stream that cross-attention reads, or of the bottleneck; {@code stream} itself where there is none
 * @param layers how many layers are under its prefix
 * @param numbers which of them are the stack's, or null for all
 * @param prefix where the state dict keeps it
 * @param published of a published model's stack, or null
 */
record WrittenStack(
        String path,
        StackConfig.Kind kind,
        int stream,
        int memory,
        Integer layers,
        Numbers numbers,
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
    record Numbers(int first, int end) {}

    /**
     * Where the state dict keeps a stack.
     *
     * @param key which says so, as messages name it
     * @param value its value, or null where the place is to be found
     */
    record Prefix(String key, String value) {}

    /**
     * What a published model's code says of a stack.
     *
     * @param dialect of its tensors
     * @param layersKey the key of the number of its layers
     */
    record Published(Dialect dialect, String layersKey) {}

    /** A stack of a model of one's own. */
    WrittenStack(
            String path,
            StackConfig.Kind kind,
            int stream,
            int memory,
            Integer layers,
            Numbers numbers,
            WrittenLayer layer,
            Prefix prefix,
            Interleaving interleaving) {
        this(path, kind, stream, memory, layers, numbers, layer, prefix, interleaving, null);
    }

    /** A stack that runs by itself, of all layers under its prefix. */
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
        return new WrittenStack(path, kind, stream, memory, layers, numbers, layer, replaced, interleaving, published);
    }

    int firstLayer() {
        return numbers == null ? 0 : numbers.first();
    }

    /** One more than the number of its last layer. */
    int endLayer() {
        return numbers == null ? layers : numbers.end();
    }

    /** The dialects that its tensors may have, of those that a model's encoder may have. */
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

    /** Its layers as an error message names them. */
    String subject() {
        return "the layers of " + (published == null ? path.substring(0, path.length() - 1) : published.layersKey());
    }

    /** The number of its layers as an error message names its source. */
    String layersSource() {
        return (published == null ? path + "num_hidden_layers" : published.layersKey()) + " in config.json";
    }
}
