package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of one multi-head attention with its norm (D hidden size of the queries' stream, K of the keys' stream,
 * which is D in self-attention, G size of a token's keys).
 *
 * @param query [D, D]
 * @param key [G, K]
 * @param value [G, K]
 * @param output [D, D], or null in a model without attention output projection
 * @param norm before attention in a pre-norm model, else after its residual
 * @param memoryNorm the norm of the tokens that cross-attention reads, or null if it reads them without a norm
 */
public record AttentionWeights(
        LinearWeights query,
        LinearWeights key,
        LinearWeights value,
        LinearWeights output,
        NormWeights norm,
        NormWeights memoryNorm)
        implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(query, key, value, output).filter(Objects::nonNull).flatMap(LinearWeights::tensors),
                Stream.of(norm, memoryNorm).filter(Objects::nonNull).flatMap(NormWeights::tensors));
    }
}
