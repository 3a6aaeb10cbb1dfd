package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.stream.Stream;

/**
 * A feed-forward with its LayerNorm (D hidden, F intermediate size).
 *
 * @param linear1 [F, D]
 * @param linear2 [D, F]
 * @param norm before the feed-forward in a pre-norm model, else after its residual
 */
@DefaultSerializer(JavaSerializer.class)
public record FeedForwardWeights(LinearWeights linear1, LinearWeights linear2, NormWeights norm)
        implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(Stream.of(linear1, linear2).flatMap(LinearWeights::tensors), norm.tensors());
    }
}
