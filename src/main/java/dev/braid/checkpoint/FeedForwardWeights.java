package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of a feed-forward with its norm (D hidden size, F intermediate size).
 *
 * @param linear1 [F, D], in a gated feed-forward the gate
 * @param up [F, D], what the gate is multiplied by, or null without a gate
 * @param linear2 [D, F]
 * @param norm before the feed-forward in a pre-norm model, else after its residual
 */
public record FeedForwardWeights(LinearWeights linear1, LinearWeights up, LinearWeights linear2, NormWeights norm)
        implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(linear1, up, linear2).filter(Objects::nonNull).flatMap(LinearWeights::tensors),
                norm.tensors());
    }
}
