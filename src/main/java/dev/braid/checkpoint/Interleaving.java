package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * How the layers of neighbouring stacks alternate: layer 0 of each, then layer 1 of each, and so on.
 *
 * @param exchange what their streams exchange
 * @param stacks how many stacks alternate; 1 where a stack runs by itself
 * @param index the number of this stack among them
 */
@DefaultSerializer(JavaSerializer.class)
public record Interleaving(Exchange exchange, int stacks, int index) implements Serializable {
    /** Of a stack that runs by itself. */
    public static final Interleaving NONE = new Interleaving(Exchange.NOTHING, 1, 0);

    /** What the streams of alternating stacks exchange. */
    public enum Exchange {
        NOTHING,
        /**
         * Each stream goes through its layers together with the bottleneck's tokens; these then become the mean of what the
         * streams made of them: Nagrani et al. 2021 (arXiv 2107.00135), equations 8 and 9.
         */
        BOTTLENECK,
        /** Two streams attend to each other, each to the tokens that the other one had before the layer. */
        CO_ATTENTION
    }

    public boolean isBottleneck() {
        return exchange == Exchange.BOTTLENECK;
    }
}
