package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * What the layers of a stack have in common.
 *
 * @param hiddenSize D, the size of a token, a multiple of {@code heads}
 * @param heads attention heads
 * @param intermediateSize F, the size between the two Linears of the feed-forward; 0 in layers without one
 * @param activation between the two Linears of the feed-forward
 * @param normFirst whether a layer normalises the input of attention and feed-forward (pre-norm) instead of their output
 * @param layerNormEps added to the variance in every LayerNorm
 * @param attentionOutputProjection false where attention ends at the concatenated heads
 */
@DefaultSerializer(JavaSerializer.class)
public record LayerConfig(
        int hiddenSize,
        int heads,
        int intermediateSize,
        Activation activation,
        boolean normFirst,
        float layerNormEps,
        boolean attentionOutputProjection)
        implements Serializable {

    /** Size of one attention head. */
    public int headSize() {
        return hiddenSize / heads;
    }
}
