package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of one {@link VectorStep} (D the size of its vector, K that of its input).
 *
 * @param linear for a Linear [D, K], for a bilinear map [D, K, size of its second input], else null
 * @param norm for any norm [D], else null
 * @param mean [D], the running mean of a BatchNorm, else null
 * @param variance [D], the running variance of a BatchNorm, else null
 */
public record VectorWeights(LinearWeights linear, NormWeights norm, StoredTensor mean, StoredTensor variance)
        implements Serializable {
    /** The value for a step without weights. */
    static final VectorWeights NONE = new VectorWeights(null, null, null, null);

    Stream<StoredTensor> tensors() {
        return Stream.of(
                        Stream.ofNullable(linear).flatMap(LinearWeights::tensors),
                        Stream.ofNullable(norm).flatMap(NormWeights::tensors),
                        Stream.of(mean, variance).filter(Objects::nonNull))
                .flatMap(tensors -> tensors);
    }
}
