package dev.braid.checkpoint;

/**
 * What {@code config.json} says of the layers of a stack. Null stands where a key is broken, or left to the weights, their dialect
 * or the keys of the whole model.
 *
 * @param keyValueHeads null where every head has keys and values
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
