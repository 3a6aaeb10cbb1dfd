package dev.braid.decode;

import java.io.Serializable;

/**
 * What decides, apart from the model, whether a row can be fused.
 *
 * @param maxTokens the most tokens of a row, including the model's own
 * @param truncate whether to cut a sequence for which the model has too few positions; otherwise its row is bad
 * @param pools whether the run needs pooled vectors, and so the tokens that the pooling reads
 * @param fusesRest whether a row may lack modalities
 */
public record RowLimits(int maxTokens, boolean truncate, boolean pools, boolean fusesRest) implements Serializable {}
