package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What makes tokens of the encoder out of one modality's features or token ids (K feature size, V vocabulary size, D hidden size),
 * in this order: an id becomes its row of {@code words}; {@code projection}; the projected boxes added, or averaged with it
 * ({@link BoxFusion}); every row of {@code rows} and the token's row of {@code positions} added; {@code norm}; every row of {@code
 * rowsAfterNorm} added.
 *
 * @param words [V, K], or null where the model has no word embeddings or reads features instead
 * @param projection of [D, K], or null where features or word embeddings enter as they are; of [D, K + box size] where boxes are
 *     concatenated
 * @param boxes of [D, box size], or null
 * @param rows [1, D] each: what all tokens of the modality share, such as the modality's own embedding
 * @param positions [positions, D], or null
 * @param norm over [D], or null
 * @param rowsAfterNorm [1, D] each; empty without {@code norm}
 */
@DefaultSerializer(JavaSerializer.class)
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

    /** A projection, or null, and nothing else. */
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
