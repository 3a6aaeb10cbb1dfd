package dev.braid.checkpoint;

/**
 * What {@code config.json} says about one stream.
 *
 * @param tensor the name of the tensor with its learned tokens, or null if it has none
 */
record WrittenStream(StreamConfig config, String tensor) {}
