package dev.braid.checkpoint;

import java.util.Arrays;
import java.util.Optional;

/** How the fused tokens of one row become one vector; its {@code configName} is the value of {@code pooling}. */
public enum Pooling {
    /** No pooled vector. */
    NONE("none"),
    /** The token at position 0: the CLS token if the model adds one. */
    CLS("cls"),
    /** The mean over all tokens of the row, CLS too. */
    MEAN("mean"),
    /** The largest value of each dimension over all tokens of the row, CLS too. */
    MAX("max"),
    /** The last token of the row. */
    LAST("last"),
    /** The tanh of a Linear on the token at position 0, for models that store one. */
    POOLER("pooler");

    private final String configName;

    Pooling(String configName) {
        this.configName = configName;
    }

    /** Whether one token of a row is all that it reads. */
    public boolean readsOneToken() {
        return this == CLS || this == LAST || this == POOLER;
    }

    public String configName() {
        return configName;
    }

    /** The pooling with that {@code configName}; empty for any other. */
    public static Optional<Pooling> parse(String configName) {
        return Arrays.stream(values())
                .filter(pooling -> pooling.configName.equals(configName))
                .findFirst();
    }
}
