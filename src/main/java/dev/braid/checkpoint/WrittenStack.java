package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * What {@code config.json} says of one stack of layers. Null stands where a key is broken, or left to the weights, their dialect
 * or the keys of the whole model.
 *
 * @param path what stands before its keys in messages, with its dot, or empty
 * @param stream index of the stream that its layers change
 * @param memory index of the stream that cross-attention reads; {@code stream} itself where there is none
 * @param prefix where the state dict keeps it, or null where it is to be found
 */
record WrittenStack(
        String path, StackConfig.Kind kind, int stream, int memory, Integer layers, WrittenLayer layer, String prefix) {

    WrittenStack withPrefix(String other) {
        return new WrittenStack(path, kind, stream, memory, layers, layer, other);
    }

    /** The dialects that its tensors may have, of those that a model's encoder may have. */
    Collection<Dialect> dialects(Collection<Dialect> ofEncoders) {
        return switch (kind) {
            case ENCODER -> ofEncoders;
            case DECODER -> List.of(Dialect.TORCH_DECODER);
            case CROSS_ATTENTION -> List.of(Dialect.CROSS_ATTENTION);
        };
    }

    /** A key as an error message names the source of a size. */
    String source(String key) {
        return path + key + " in config.json";
    }
}
