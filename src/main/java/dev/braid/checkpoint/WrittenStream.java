package dev.braid.checkpoint;

/**
 * What {@code config.json} says of one stream.
 *
 * @param tensor the learned tokens, or null where it has none
 */
record WrittenStream(StreamConfig config, String tensor) {}
