package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What a stream has of its own, beside its modalities (D hidden size).
 *
 * @param learned the learned tokens before those of the modalities, k D elements of any rank; null in a stream without any
 * @param positions [positions, D], added to every token by its position in the row, learned ones too, or null
 * @param norm over every token, learned ones too, before the first layer, or null
 */
@DefaultSerializer(JavaSerializer.class)
public record StreamWeights(StoredTensor learned, StoredTensor positions, NormWeights norm) implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(learned, positions).filter(Objects::nonNull),
                Stream.ofNullable(norm).flatMap(NormWeights::tensors));
    }
}
