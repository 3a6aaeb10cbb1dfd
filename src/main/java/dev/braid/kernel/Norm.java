package dev.braid.kernel;

/**
 * The weights of a layer normalisation over D columns: immutable, shared by all threads.
 *
 * @param scale gamma, [1, D]
 * @param shift beta, [1, D]
 * @param epsilon added to the variance
 */
public record Norm(Matrix scale, Matrix shift, float epsilon) {}
