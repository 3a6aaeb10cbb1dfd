package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What makes tokens of the encoder out of one modality's features (K feature size, D hidden size), in this order: the
 * projection, then every row of {@code rows} and the token's row of {@code positions} added, then {@code norm}, then every
 * row of {@code rowsAfterNorm} added.
 *
 * @param projection [D, K], or null where features enter as they are
 * @param rows [1, D] each: what all tokens of the modality share, such as the modality's own embedding
 * @param positions [positions, D], or null
 * @param norm over [D], or null
 * @param rowsAfterNorm [1, D] each; empty without {@code norm}
 */
@DefaultSerializer(JavaSerializer.class)
public record ModalityWeights(
        LinearWeights projection,
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
    public static ModalityWeights of(LinearWeights projection) {
        return new ModalityWeights(projection, List.of(), null, null, List.of());
    }

    Stream<StoredTensor> tensors() {
        return Stream.of(
                        Stream.ofNullable(projection).flatMap(LinearWeights::tensors),
                        rows.stream(),
                        Stream.ofNullable(positions),
                        Stream.ofNullable(norm).flatMap(NormWeights::tensors),
                        rowsAfterNorm.stream())
                .flatMap(tensors -> tensors)
                .filter(Objects::nonNull);
    }
}
