package dev.braid.checkpoint;

import dev.braid.tensor.Activation;

/**
 * What {@code config.json} says about the layers of a stack. A value is null if its key is broken, or if it depends on
 * the weights or their dialect.
 *
 * @param keyValueHeads null if every query head has its own keys and values
 */
record WrittenLayer(
        Integer heads,
        Integer keyValueHeads,
        Integer intermediateSize,
        Activation activation,
        Boolean normFirst,
        NormType normType,
        Float layerNormEps) {

    /** Whether query heads share heads of keys and values. */
    boolean isGrouped() {
        return keyValueHeads != null && !keyValueHeads.equals(heads);
    }
}
