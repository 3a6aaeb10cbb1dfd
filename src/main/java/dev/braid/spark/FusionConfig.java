package dev.braid.spark;

import java.io.Serializable;

/**
 * How a paired table becomes a fused one.
 *
 * @param columns what is read
 * @param maxTokens the token budget of one packed batch, and so of one row
 * @param pooled whether the output has {@code fused}, one vector per row
 * @param tokens whether the output has {@code fused_tokens} and {@code fused_lengths}, one vector per token
 */
public record FusionConfig(TableColumns columns, int maxTokens, boolean pooled, boolean tokens)
        implements Serializable {

    public FusionConfig {
        if (maxTokens < columns.features().size()) {
            throw new IllegalArgumentException(
                    "expected a token budget of at least one token per modality, got " + maxTokens);
        }
        if (!pooled && !tokens) {
            throw new IllegalArgumentException("expected pooled or token output, got neither");
        }
    }
}
