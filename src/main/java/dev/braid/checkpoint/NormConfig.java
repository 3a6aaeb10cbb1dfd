package dev.braid.checkpoint;

/**
 * What a norm computes, apart from its weights.
 *
 * @param epsilon added to the variance, or to the mean square of an RMSNorm
 */
public record NormConfig(NormType type, float epsilon) {}
