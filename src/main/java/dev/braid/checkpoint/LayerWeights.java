package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;
import java.util.stream.Stream;

/**
 * The weights of one layer.
 *
 * @param attentions in the order in which they run: self-attention, cross-attention, or both
 * @param feedForward or null
 */
public record LayerWeights(List<AttentionWeights> attentions, FeedForwardWeights feedForward) implements Serializable {

    public LayerWeights {
        attentions = List.copyOf(attentions);
    }

    Stream<StoredTensor> tensors() {
        return Stream.concat(
                attentions.stream().flatMap(AttentionWeights::tensors),
                Stream.ofNullable(feedForward).flatMap(FeedForwardWeights::tensors));
    }
}
