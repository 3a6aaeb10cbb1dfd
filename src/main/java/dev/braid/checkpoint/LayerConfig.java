package dev.braid.checkpoint;

import dev.braid.tensor.Activation;
import java.io.Serializable;

/**
 * What the layers of a stack have in common.
 *
 * @param hiddenSize D, the size of a token, a multiple of {@code heads}
 * @param heads attention heads
 * @param keyValueHeads heads of keys and values, a divisor of {@code heads}: {@code heads / keyValueHeads} neighbouring
 *     query heads share each of them (Ainslie et al. 2023, arXiv 2305.13245)
 * @param intermediateSize F, the size between the Linears of the feed-forward; 0 in layers without one
 * @param activation between the Linears of the feed-forward
 * @param gatedFeedForward whether the feed-forward is {@code down(activation(gate(x)) * up(x))}, as in Shazeer 2020
 *     (arXiv 2002.05202), instead of {@code linear2(activation(linear1(x)))}
 * @param normFirst whether a layer normalises the input of attention and feed-forward (pre-norm) instead of their
 *     output
 * @param normType the kind of every norm
 * @param layerNormEps added to the variance in every LayerNorm, to the mean square in every RMSNorm
 * @param attentionOutputProjection false if attention ends at the concatenated heads
 */
public record LayerConfig(
        int hiddenSize,
        int heads,
        int keyValueHeads,
        int intermediateSize,
        Activation activation,
        boolean gatedFeedForward,
        boolean normFirst,
        NormType normType,
        float layerNormEps,
        boolean attentionOutputProjection)
        implements Serializable {

    /** Layers as in torch.nn: keys and values for every head, LayerNorms, and a feed-forward of two Linears. */
    public LayerConfig(
            int hiddenSize,
            int heads,
            int intermediateSize,
            Activation activation,
            boolean normFirst,
            float layerNormEps,
            boolean attentionOutputProjection) {
        this(
                hiddenSize,
                heads,
                heads,
                intermediateSize,
                activation,
                false,
                normFirst,
                NormType.LAYER_NORM,
                layerNormEps,
                attentionOutputProjection);
    }

    /** Size of one attention head. */
    public int headSize() {
        return hiddenSize / heads;
    }

    /** G, the size of a token's keys, and of its values: D if every query head has its own. */
    public int keyValueSize() {
        return keyValueHeads * headSize();
    }

    /** What its norms compute. */
    public NormConfig norm() {
        return new NormConfig(normType, layerNormEps);
    }
}
