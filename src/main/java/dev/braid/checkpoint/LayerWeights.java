package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * One encoder layer (D hidden, F intermediate size).
 *
 * @param query [D, D]
 * @param key [D, D]
 * @param value [D, D]
 * @param output [D, D], or null in a model without attention output projection
 * @param feedForward1 [F, D]
 * @param feedForward2 [D, F]
 * @param norm1 before attention in a pre-norm model, else after its residual
 * @param norm2 before the feed-forward in a pre-norm model, else after its residual
 */
@DefaultSerializer(JavaSerializer.class)
public record LayerWeights(
        LinearWeights query,
        LinearWeights key,
        LinearWeights value,
        LinearWeights output,
        LinearWeights feedForward1,
        LinearWeights feedForward2,
        NormWeights norm1,
        NormWeights norm2)
        implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(query, key, value, output, feedForward1, feedForward2)
                        .filter(Objects::nonNull)
                        .flatMap(LinearWeights::tensors),
                Stream.of(norm1, norm2).flatMap(NormWeights::tensors));
    }
}
