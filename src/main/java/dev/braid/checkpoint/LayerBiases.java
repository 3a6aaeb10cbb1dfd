package dev.braid.checkpoint;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The biases that the layers of a stack must have. A module has all biases or none; in hand-written layers, the same
 * parts of every layer have one. So a single missing bias means that the file is incomplete.
 */
final class LayerBiases {
    private final StackLocation location;
    private final Set<String> expected = new HashSet<>();

    LayerBiases(StackLocation location, Iterable<String> stored) {
        this.location = location;
        LayerTensorNames layer = location.dialect().layer();
        Set<String> known = layer.parts().stream()
                .flatMap(part -> part.names().stream().map(ParameterNames::bias))
                .collect(Collectors.toSet());
        for (String tensor : stored) {
            String bias = tensor.endsWith("bias") ? location.withinLayer(tensor) : null;
            if (bias == null || !known.contains(bias)) {
                continue;
            }
            if (layer.oneBias()) {
                expected.addAll(known);
                break;
            }
            expected.add(bias);
        }
    }

    /** Whether a tensor belongs to a published dialect and is outside the layers. */
    boolean isAroundPublished(String tensor) {
        return location.dialect().published() && location.layerOf(tensor) < 0;
    }

    /** Whether a tensor is a bias that the layers must have. */
    boolean contains(String tensor) {
        return !expected.isEmpty() && expected.contains(location.withinLayer(tensor));
    }
}
