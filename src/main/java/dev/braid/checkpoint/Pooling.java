package dev.braid.checkpoint;

import dev.braid.InputException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** How the fused tokens of one row become one vector; its {@code configName} is the value of {@code pooling}. */
public enum Pooling {
    /** No pooled vector. */
    NONE("none"),
    /** The token at position 0: the CLS token where the model adds one. */
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

    /**
     * The pooling of that spelling.
     *
     * @throws InputException if {@code configName} is none of the known spellings, all of which its message names
     */
    public static Pooling parse(String configName) {
        return Arrays.stream(values())
                .filter(pooling -> pooling.configName.equals(configName))
                .findFirst()
                .orElseThrow(() -> new InputException(
                        "Cannot read pooling: expected one of " + spellings() + ", got '" + configName + "'"));
    }

    /** The known spellings: {@code none, cls, ...}. */
    static String spellings() {
        return Arrays.stream(values()).map(Pooling::configName).collect(Collectors.joining(", "));
    }
}
