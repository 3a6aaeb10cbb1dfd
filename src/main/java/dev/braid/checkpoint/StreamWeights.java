package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of a stream, without those of its modalities (D hidden size).
 *
 * @param learned the learned tokens at the start of every row, k D elements in a tensor of any rank; null if it has
 *     none
 * @param positions [positions, D], added to every token, also to learned ones, by its position in the row; or null
 * @param norm applied to every token, also to learned ones, before the first layer; or null
 */
public record StreamWeights(StoredTensor learned, StoredTensor positions, NormWeights norm) implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(learned, positions).filter(Objects::nonNull),
                Stream.ofNullable(norm).flatMap(NormWeights::tensors));
    }
}
