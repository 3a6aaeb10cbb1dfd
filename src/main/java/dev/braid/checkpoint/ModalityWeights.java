package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights that turn one modality's features or token ids into tokens of the encoder (K feature size, V vocabulary
 * size, D hidden size). In this order: a token id is replaced by its row of {@code words}; {@code projection} is
 * applied; the projected box is added to the result, or averaged with it ({@link BoxFusion}); all {@code rows} and the
 * token's row of {@code positions} are added; {@code norm} is applied; all {@code rowsAfterNorm} are added.
 *
 * @param words [V, K], or null if the model has no word embeddings or reads features instead
 * @param projection [D, K], or [D, K + box size] if boxes are concatenated; null if features or word embeddings enter
 *     unprojected
 * @param boxes the projection of boxes, [D, box size], or null
 * @param rows [1, D] each, added to all tokens of the modality, such as the modality's own embedding
 * @param positions [positions, D], or null
 * @param norm over [D], or null
 * @param rowsAfterNorm [1, D] each; empty without {@code norm}
 */
public record ModalityWeights(
        StoredTensor words,
        ProjectionWeights projection,
        ProjectionWeights boxes,
        List<StoredTensor> rows,
        StoredTensor positions,
        NormWeights norm,
        List<StoredTensor> rowsAfterNorm)
        implements Serializable {

    public ModalityWeights {
        rows = List.copyOf(rows);
        rowsAfterNorm = List.copyOf(rowsAfterNorm);
    }

    /** The weights of a modality that has a projection, or null, and nothing else. */
    public static ModalityWeights of(ProjectionWeights projection) {
        return new ModalityWeights(null, projection, null, List.of(), null, null, List.of());
    }

    Stream<StoredTensor> tensors() {
        return Stream.of(
                        Stream.ofNullable(words),
                        Stream.ofNullable(projection).flatMap(ProjectionWeights::tensors),
                        Stream.ofNullable(boxes).flatMap(ProjectionWeights::tensors),
                        rows.stream(),
                        Stream.ofNullable(positions),
                        Stream.ofNullable(norm).flatMap(NormWeights::tensors),
                        rowsAfterNorm.stream())
                .flatMap(tensors -> tensors)
                .filter(Objects::nonNull);
    }
}
