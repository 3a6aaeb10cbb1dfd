package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;

/**
 * Layers of one kind, one after another on the same stream.
 *
 * @param kind what a layer consists of
 * @param stream index of the stream that the layers change, whose tokens are the queries
 * @param memory index of the stream that cross-attention reads; {@code stream} itself without cross-attention
 * @param layers the number of layers
 * @param layer what the layers have in common
 * @param interleaving whether its layers alternate with those of other stacks
 */
public record StackConfig(Kind kind, int stream, int memory, int layers, LayerConfig layer, Interleaving interleaving)
        implements Serializable {

    /** A stack that does not alternate with another. */
    public StackConfig(Kind kind, int stream, int memory, int layers, LayerConfig layer) {
        this(kind, stream, memory, layers, layer, Interleaving.NONE);
    }

    /** Which attentions a layer has, and in which order; a feed-forward follows them. */
    public enum Kind {
        /** Self-attention and feed-forward: {@code torch.nn.TransformerEncoderLayer}. */
        ENCODER("encoder", true, false),
        /** Self-attention, cross-attention and feed-forward: {@code torch.nn.TransformerDecoderLayer}. */
        DECODER("decoder", true, true),
        /** Cross-attention, and feed-forward if there is one. */
        CROSS_ATTENTION("cross_attention", false, true),
        /**
         * Cross-attention, self-attention and feed-forward, as in LXMERT (Tan and Bansal 2019, arXiv 1908.07490, figure
         * 1).
         */
        CROSS_FIRST("cross_first", true, true);

        private final String configName;
        private final boolean attendsToItself;
        private final boolean attendsToMemory;

        Kind(String configName, boolean attendsToItself, boolean attendsToMemory) {
            this.configName = configName;
            this.attendsToItself = attendsToItself;
            this.attendsToMemory = attendsToMemory;
        }

        /** As {@code config.json} spells it. */
        public String configName() {
            return configName;
        }

        public boolean attendsToItself() {
            return attendsToItself;
        }

        public boolean attendsToMemory() {
            return attendsToMemory;
        }

        /** Whether attention number {@code attention} of a layer reads the memory. */
        boolean readsMemory(int attention) {
            return switch (this) {
                case ENCODER -> false;
                case DECODER -> attention == 1;
                case CROSS_ATTENTION -> true;
                case CROSS_FIRST -> attention == 0;
            };
        }
    }

    /** For each attention of a layer, in order, the stream from which it reads keys and values. */
    public List<Integer> keyStreams() {
        return switch (kind) {
            case ENCODER -> List.of(stream);
            case DECODER -> List.of(stream, memory);
            case CROSS_ATTENTION -> List.of(memory);
            case CROSS_FIRST -> List.of(memory, stream);
        };
    }
}
