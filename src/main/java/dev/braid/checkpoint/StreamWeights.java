package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.stream.Stream;

/**
 * What a stream has of its own, beside its modalities (D hidden size).
 *
 * @param learned the learned tokens before those of the modalities, k D elements of any rank; null in a stream without any
 * @param norm over every token, learned ones too, before the first layer, or null
 */
@DefaultSerializer(JavaSerializer.class)
public record StreamWeights(StoredTensor learned, NormWeights norm) implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(Stream.ofNullable(learned), Stream.ofNullable(norm).flatMap(NormWeights::tensors));
    }
}
