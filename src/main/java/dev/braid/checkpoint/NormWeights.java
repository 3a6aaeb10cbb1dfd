package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of a LayerNorm or RMSNorm.
 *
 * @param weight [hidden size]
 * @param bias [hidden size], or null if it has none; an RMSNorm never has one
 */
public record NormWeights(StoredTensor weight, StoredTensor bias) implements Serializable {

    Stream<StoredTensor> tensors() {
        return Stream.of(weight, bias).filter(Objects::nonNull);
    }
}
