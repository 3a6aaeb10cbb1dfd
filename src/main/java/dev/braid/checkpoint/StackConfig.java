package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;

/**
 * Layers of one kind, one after another on the same stream.
 *
 * @param kind what a layer consists of
 * @param stream index of the stream that they change: its tokens are the queries
 * @param memory index of the stream that cross-attention reads; {@code stream} itself where there is none
 * @param layers how many
 * @param layer what they have in common
 * @param interleaving whether its layers alternate with those of other stacks
 */
@DefaultSerializer(JavaSerializer.class)
public record StackConfig(Kind kind, int stream, int memory, int layers, LayerConfig layer, Interleaving interleaving)
        implements Serializable {

    /** A stack that runs by itself. */
    public StackConfig(Kind kind, int stream, int memory, int layers, LayerConfig layer) {
        this(kind, stream, memory, layers, layer, Interleaving.NONE);
    }

    /** The attentions of a layer in their order; a feed-forward follows them. */
    public enum Kind {
        /** Self-attention and feed-forward: {@code torch.nn.TransformerEncoderLayer}. */
        ENCODER("encoder", Keys.OWN),
        /** Self-attention, cross-attention and feed-forward: {@code torch.nn.TransformerDecoderLayer}. */
        DECODER("decoder", Keys.OWN, Keys.MEMORY),
        /** Cross-attention, and feed-forward if there is one. */
        CROSS_ATTENTION("cross_attention", Keys.MEMORY),
        /** Cross-attention, self-attention and feed-forward, as in LXMERT (Tan and Bansal 2019, arXiv 1908.07490, figure 1). */
        CROSS_FIRST("cross_first", Keys.MEMORY, Keys.OWN);

        private final String configName;
        private final List<Keys> keys;

        Kind(String configName, Keys... keys) {
            this.configName = configName;
            this.keys = List.of(keys);
        }

        /** As {@code config.json} spells it. */
        public String configName() {
            return configName;
        }

        public boolean attendsToItself() {
            return keys.contains(Keys.OWN);
        }

        public boolean attendsToMemory() {
            return keys.contains(Keys.MEMORY);
        }

        /** Whether an attention, counted in the order of the layer, reads the memory. */
        boolean readsMemory(int attention) {
            return keys.get(attention) == Keys.MEMORY;
        }
    }

    /** The stream that an attention reads keys from. */
    private enum Keys {
        OWN,
        MEMORY
    }

    /** The streams that each attention of a layer reads keys from, in the order of the layer. */
    public List<Integer> keyStreams() {
        return kind.keys.stream()
                .map(keys -> keys == Keys.MEMORY ? memory : stream)
                .toList();
    }
}
