package dev.braid.checkpoint;

import java.io.Serializable;

/**
 * How the layers of neighbouring stacks alternate: layer 0 of each, then layer 1 of each, and so on.
 *
 * @param exchange what their streams exchange
 * @param stacks how many stacks alternate; 1 if the stack does not alternate with another
 * @param index the number of this stack among them
 */
public record Interleaving(Exchange exchange, int stacks, int index) implements Serializable {
    /** The value for a stack that does not alternate with another. */
    public static final Interleaving NONE = new Interleaving(Exchange.NOTHING, 1, 0);

    /** What the streams of alternating stacks exchange. */
    public enum Exchange {
        NOTHING,
        /**
         * In each layer, the tokens of a stream attend to each other and to the bottleneck's tokens, which are then
         * replaced by their mean over the streams: Nagrani et al. 2021 (arXiv 2107.00135), equations 8 and 9.
         */
        BOTTLENECK,
        /** Two streams attend to each other; each reads the tokens that the other one had before the layer. */
        CO_ATTENTION
    }

    public boolean isBottleneck() {
        return exchange == Exchange.BOTTLENECK;
    }
}
