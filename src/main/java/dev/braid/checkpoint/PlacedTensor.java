package dev.braid.checkpoint;

import dev.braid.tensor.Shape;

/**
 * A stored tensor that the model uses.
 *
 * @param role what the model uses it for, such as {@code layer 3 query weight} or {@code position embeddings of 'text'}
 * @param bytes its size in the file
 */
public record PlacedTensor(String name, String role, DType dtype, Shape shape, long bytes) {}
