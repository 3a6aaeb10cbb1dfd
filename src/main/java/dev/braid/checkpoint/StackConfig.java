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
 */
@DefaultSerializer(JavaSerializer.class)
public record StackConfig(Kind kind, int stream, int memory, int layers, LayerConfig layer) implements Serializable {

    /** The parts of a layer. */
    public enum Kind {
        /** Self-attention and feed-forward: {@code torch.nn.TransformerEncoderLayer}. */
        ENCODER("encoder", true, false),
        /** Self-attention, cross-attention and feed-forward: {@code torch.nn.TransformerDecoderLayer}. */
        DECODER("decoder", true, true),
        /** Cross-attention, and feed-forward if there is one. */
        CROSS_ATTENTION("cross_attention", false, true);

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
    }

    /** The streams that each attention of a layer reads keys from, in the order of the layer. */
    public List<Integer> keyStreams() {
        return switch (kind) {
            case ENCODER -> List.of(stream);
            case DECODER -> List.of(stream, memory);
            case CROSS_ATTENTION -> List.of(memory);
        };
    }
}
