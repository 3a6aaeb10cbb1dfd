package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A feed-forward with its LayerNorm (D hidden, F intermediate size).
 *
 * @param linear1 [F, D], the gate of a gated feed-forward
 * @param up [F, D], what its gate is multiplied with, or null without a gate
 * @param linear2 [D, F]
 * @param norm before the feed-forward in a pre-norm model, else after its residual
 */
@DefaultSerializer(JavaSerializer.class)
public record FeedForwardWeights(LinearWeights linear1, LinearWeights up, LinearWeights linear2, NormWeights norm)
        implements Serializable {
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                Stream.of(linear1, up, linear2).filter(Objects::nonNull).flatMap(LinearWeights::tensors),
                norm.tensors());
    }
}
