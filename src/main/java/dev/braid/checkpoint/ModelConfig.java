package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;

/**
 * The architecture of a model, validated: what {@code config.json} says, its defaults filled in, and the intermediate
 * size of the weights.
 *
 * @param modalities in token order, at least one
 * @param hiddenSize size of a token inside the encoder and of a fused vector, a multiple of {@code heads}
 * @param layers encoder layers, at least one
 * @param heads attention heads
 * @param intermediateSize size between the two Linears of a feed-forward
 * @param activation between the two Linears of a feed-forward
 * @param normFirst whether a layer normalises what enters attention and feed-forward (pre-norm), not what leaves them
 * @param layerNormEps added to the variance in every LayerNorm
 * @param attentionOutputProjection false where attention ends at the concatenated heads
 * @param clsToken whether a learned token stands before every row's own
 * @param pooling from a row's fused tokens to one vector
 */
@DefaultSerializer(JavaSerializer.class)
public record ModelConfig(
        List<ModalityConfig> modalities,
        int hiddenSize,
        int layers,
        int heads,
        int intermediateSize,
        Activation activation,
        boolean normFirst,
        float layerNormEps,
        boolean attentionOutputProjection,
        boolean clsToken,
        Pooling pooling)
        implements Serializable {

    public ModelConfig {
        modalities = List.copyOf(modalities);
    }

    /** Size of one attention head. */
    public int headSize() {
        return hiddenSize / heads;
    }

    /** Tokens that every row has before those of its modalities: 1 with a CLS token, else 0. */
    public int leadingTokens() {
        return clsToken ? 1 : 0;
    }

    /** Whether pooled vectors are made of token 0 of the first modality, which must then not be left out. */
    public boolean poolsFirstOfModality() {
        return !clsToken && (pooling == Pooling.CLS || pooling == Pooling.POOLER);
    }

    public ModelConfig withPooling(Pooling other) {
        return new ModelConfig(
                modalities,
                hiddenSize,
                layers,
                heads,
                intermediateSize,
                activation,
                normFirst,
                layerNormEps,
                attentionOutputProjection,
                clsToken,
                other);
    }
}
