package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of a Linear, y = x W^T + b.
 *
 * @param weight [out, in]
 * @param bias [out], or null if it has none
 */
public record LinearWeights(StoredTensor weight, StoredTensor bias) implements Serializable {

    Stream<StoredTensor> tensors() {
        return Stream.of(weight, bias).filter(Objects::nonNull);
    }
}
