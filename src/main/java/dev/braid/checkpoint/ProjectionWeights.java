package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.stream.Stream;

/**
 * The weights of a projection to the hidden size D.
 *
 * @param linear [D, K]
 * @param norm over [D], or null
 */
public record ProjectionWeights(LinearWeights linear, NormWeights norm) implements Serializable {

    Stream<StoredTensor> tensors() {
        return Stream.concat(linear.tensors(), Stream.ofNullable(norm).flatMap(NormWeights::tensors));
    }
}
