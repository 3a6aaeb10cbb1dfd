package dev.braid.bench;

import dev.braid.checkpoint.Activation;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** The models that are measured, and the rows they are fed. All fuse visual and text tokens. */
enum EncoderShape {
    /** The seed model: hidden size 256, 8 heads, 2 layers, PyTorch's default feed-forward. */
    I(256, 8, 2, 2048, Activation.RELU, false, true, 49, 2048, 32, 768, 256, List.of(16, 8, 32)),
    /** The seed model with a feed-forward of 4 times the hidden size. */
    II(256, 8, 2, 1024, Activation.RELU, false, true, 49, 2048, 32, 768, 256, List.of(16, 8, 32)),
    /** The seed's own layer, without an output projection, at hidden size 512 and 20 tokens. */
    III(512, 8, 1, 2048, Activation.RELU, false, false, 10, 512, 10, 512, 512, List.of(64, 32, 256)),
    /** The size of a BERT base of 6 layers. */
    IV(768, 12, 6, 3072, Activation.GELU, false, true, 197, 768, 64, 768, 32, List.of(4, 2, 1)),
    /** FLAVA's multimodal encoder: as IV, but pre-norm, with a LayerNorm behind the last layer. */
    V(768, 12, 6, 3072, Activation.GELU, true, true, 197, 768, 64, 768, 16, List.of(4, 2, 1));

    @SuppressWarnings("ImmutableEnumChecker") // a record of numbers and of an unmodifiable list
    private final ModelConfig config;

    private final int visualTokens;
    private final int textTokens;
    private final int rows;

    @SuppressWarnings("ImmutableEnumChecker") // unmodifiable
    private final List<Integer> batchRows;

    EncoderShape(
            int hiddenSize,
            int heads,
            int layers,
            int intermediateSize,
            Activation activation,
            boolean normFirst,
            boolean attentionOutputProjection,
            int visualTokens,
            int visualSize,
            int textTokens,
            int textSize,
            int rows,
            List<Integer> batchRows) {
        this.config = ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", visualSize), new ModalityConfig("text", textSize)),
                false,
                layers,
                new LayerConfig(
                        hiddenSize, heads, intermediateSize, activation, normFirst, 1e-5f, attentionOutputProjection),
                Pooling.NONE);
        this.visualTokens = visualTokens;
        this.textTokens = textTokens;
        this.rows = rows;
        this.batchRows = batchRows;
    }

    ModelConfig config() {
        return config;
    }

    /** What its layers have in common. */
    LayerConfig layer() {
        return config.stacks().get(0).layer();
    }

    /** Random weights, with a final LayerNorm where layers are pre-norm. */
    Checkpoint checkpoint(long seed) {
        return layer().normFirst()
                ? RandomCheckpoint.of(config, seed, RandomCheckpoint.Part.FINAL_NORM)
                : RandomCheckpoint.of(config, seed);
    }

    /** Visual tokens of every row. */
    int visualTokens() {
        return visualTokens;
    }

    /** Text tokens of every row where texts are {@link TextLength#DENSE}. */
    int textTokens() {
        return textTokens;
    }

    /** Rows of one round. */
    int rows() {
        return rows;
    }

    /** Batch sizes that rivals try, first the one that is fastest on most processors. */
    List<Integer> batchRows() {
        return batchRows;
    }

    /** Rows of a trial: enough for the largest batch. */
    int trialRows() {
        return Collections.max(batchRows);
    }

    /** Whether one round takes several seconds. */
    boolean isLarge() {
        return config.hiddenSize() > 512;
    }

    /** {@code (iv)}. */
    String label() {
        return "(" + name().toLowerCase(Locale.ROOT) + ")";
    }
}
