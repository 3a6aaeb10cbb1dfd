package dev.braid.bench;

import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Activation;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The matrix product of one Linear: {@code activation([TOKENS, inputs] x [inputs, outputs] + bias)}.
 *
 * @param inputs K
 * @param outputs N
 * @param activation what follows it in the encoder
 */
record Product(int inputs, int outputs, Activation activation) {
    /** M: the tokens that Braid takes through an encoder's Linears at a time. */
    static final int TOKENS = 128;

    /** The Linears of an encoder, and the times that a token of the rows goes through each. */
    static Map<Product, Long> ofEncoder(ModelConfig config, RowBatch rows) {
        LayerConfig layerConfig = config.stacks().get(0).layer();
        int hiddenSize = config.hiddenSize();
        long layerTokens = (long) config.layers() * rows.tokens();
        Map<Product, Long> products = new LinkedHashMap<>();
        for (int m = 0; m < rows.modalities(); m++) {
            int featureSize = config.modalities().get(m).featureSize();
            products.merge(linear(featureSize, hiddenSize), (long) rows.tokens(m), Long::sum);
        }
        products.merge(linear(hiddenSize, 3 * hiddenSize), layerTokens, Long::sum);
        if (layerConfig.attentionOutputProjection()) {
            products.merge(linear(hiddenSize, hiddenSize), layerTokens, Long::sum);
        }
        Activation activation =
                layerConfig.activation() == dev.braid.checkpoint.Activation.RELU ? Activation.RELU : Activation.GELU;
        products.merge(new Product(hiddenSize, layerConfig.intermediateSize(), activation), layerTokens, Long::sum);
        products.merge(linear(layerConfig.intermediateSize(), hiddenSize), layerTokens, Long::sum);
        return products;
    }

    private static Product linear(int inputs, int outputs) {
        return new Product(inputs, outputs, Activation.NONE);
    }

    /** Of one run over {@link #TOKENS} tokens. */
    long flops() {
        return 2L * TOKENS * inputs * outputs;
    }

    /** {@code 2048 x 256, relu}. */
    String label() {
        String size = inputs + " x " + outputs;
        return activation == Activation.NONE
                ? size
                : size + ", " + activation.name().toLowerCase(Locale.ROOT);
    }
}
