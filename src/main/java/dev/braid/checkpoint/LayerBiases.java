package dev.braid.checkpoint;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The biases that the layers have: a module is made with all of them or none, or the same parts of each layer have one, so
 * one that is missing among others was lost.
 */
final class LayerBiases {
    private final Encoder encoder;
    private final Set<String> expected = new HashSet<>();

    LayerBiases(Encoder encoder, Iterable<String> stored) {
        this.encoder = encoder;
        LayerNames layer = encoder.dialect().layer();
        Set<String> known = layer.parts().stream()
                .flatMap(part -> part.names().stream().map(Part::bias))
                .collect(Collectors.toSet());
        for (String tensor : stored) {
            String bias = tensor.endsWith("bias") ? encoder.withinLayer(tensor) : null;
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

    /** Whether a tensor is of a part around the layers of a published model. */
    boolean isAroundPublished(String tensor) {
        return encoder.dialect().published() && encoder.layerOf(tensor) < 0;
    }

    /** Whether a tensor is one of them. */
    boolean contains(String tensor) {
        return !expected.isEmpty() && expected.contains(encoder.withinLayer(tensor));
    }
}
