package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;

/**
 * One stream of tokens of a model. In each row it has learned tokens, then the tokens of its modalities. Or it is made
 * from other streams, as {@code joining} says.
 *
 * @param name its name in messages and, for learned tokens and pooled vectors, in columns
 * @param hiddenSize D, the size of a token
 * @param learnedTokens the number of tokens without a modality at the start of every row: its learned tokens (1 for a
 *     CLS token), or 1 for the fused vector of a model of one vector per modality
 * @param modalities indices of its modalities, in token order
 * @param joined indices of the streams that it is made from, in order; if there are any, it has no learned tokens and
 *     no modalities
 * @param joining how it is made from them
 * @param pooling how {@link Joining#POOLED} pools, else {@link Pooling#NONE}
 */
public record StreamConfig(
        String name,
        int hiddenSize,
        int learnedTokens,
        List<Integer> modalities,
        List<Integer> joined,
        Joining joining,
        Pooling pooling)
        implements Serializable {

    /** How a stream is made from others. */
    public enum Joining {
        /** In each row, the tokens of one stream after another. If there is only one stream, this copies it. */
        TOKENS,
        /** Token t is the concatenation of the features of token t in each stream; all have the same tokens. */
        FEATURES,
        /** The only token of a row is the pooled vector of one stream. */
        POOLED
    }

    public StreamConfig {
        modalities = List.copyOf(modalities);
        joined = List.copyOf(joined);
    }

    /** A stream of learned tokens and modalities, or of the tokens of other streams one after another. */
    public StreamConfig(
            String name, int hiddenSize, int learnedTokens, List<Integer> modalities, List<Integer> joined) {
        this(name, hiddenSize, learnedTokens, modalities, joined, Joining.TOKENS, Pooling.NONE);
    }

    /** The features of other streams side by side. */
    public static StreamConfig ofFeatures(String name, int hiddenSize, List<Integer> parts) {
        return new StreamConfig(name, hiddenSize, 0, List.of(), parts, Joining.FEATURES, Pooling.NONE);
    }

    /** The pooled vector of another stream. */
    public static StreamConfig pooled(String name, int hiddenSize, int of, Pooling pooling) {
        return new StreamConfig(name, hiddenSize, 0, List.of(), List.of(of), Joining.POOLED, pooling);
    }

    /** Whether it is made from other streams. */
    public boolean isJoined() {
        return !joined.isEmpty();
    }

    /**
     * Whether it has one vector per row, pooled from tokens.
     *
     * @param streams the streams of the model
     */
    public boolean isOneVector(List<StreamConfig> streams) {
        return joining == Joining.POOLED
                || (joining == Joining.FEATURES && streams.get(joined.get(0)).isOneVector(streams));
    }
}
