package dev.braid.spark;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What a fused table can hold for each row, apart from its key and kept columns. */
public enum Emitted {
    /** {@code fused}: one vector. */
    POOLED,
    /** {@code fused_tokens} and {@code fused_lengths}: one vector per token, and the number of tokens of each group. */
    TOKENS,
    /** {@code attention}: the share of attention that each modality received, over all layers. */
    ATTENTION,
    /** {@code attention_by_layer}: the same for each layer. */
    ATTENTION_BY_LAYER;

    /** The name users write: {@code pooled}, {@code attention-by-layer}. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    public static Optional<Emitted> parse(String configName) {
        return Arrays.stream(values())
                .filter(emitted -> emitted.configName().equals(configName))
                .findFirst();
    }
}
