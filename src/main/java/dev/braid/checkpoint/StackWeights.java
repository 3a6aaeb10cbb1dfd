package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;
import java.util.stream.Stream;

/**
 * The weights of a stack of layers.
 *
 * @param layers first to last
 * @param finalNorm over every token after the last layer, or null
 */
public record StackWeights(List<LayerWeights> layers, NormWeights finalNorm) implements Serializable {

    public StackWeights {
        layers = List.copyOf(layers);
    }

    Stream<StoredTensor> tensors() {
        return Stream.concat(
                layers.stream().flatMap(LayerWeights::tensors),
                Stream.ofNullable(finalNorm).flatMap(NormWeights::tensors));
    }
}
