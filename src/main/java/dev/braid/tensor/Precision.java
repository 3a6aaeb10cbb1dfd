package dev.braid.tensor;

import java.util.Arrays;
import java.util.Optional;

/** The type of the numbers that linear maps and, except in int8, attention multiply; everything else is float32. */
public enum Precision {
    /** Weights and inputs are not rounded. */
    FLOAT32("fp32", 4),
    /**
     * Weights, inputs, queries, keys, values and the softmax rounded to bfloat16, sums in float32: the encoder is about
     * 1.9 times as fast on a processor with bfloat16 products, and keeps about three digits.
     */
    BFLOAT16("bf16", 2),
    /**
     * Weights and inputs of linear maps rounded to 8-bit integers with a scale for each output and each token: the
     * encoder is about twice as fast on a processor with AVX512-VNNI (AMD Zen 4). Attention stays float32.
     */
    INT8("int8", 1);

    private final String configName;
    private final int weightBytes;

    Precision(String configName, int weightBytes) {
        this.configName = configName;
        this.weightBytes = weightBytes;
    }

    /** Bytes of one packed weight of a linear map. */
    public int weightBytes() {
        return weightBytes;
    }

    /** The name that users write: {@code fp32}, {@code bf16}, {@code int8}. */
    public String configName() {
        return configName;
    }

    /** The precision with that {@code configName}; empty for any other. */
    public static Optional<Precision> parse(String configName) {
        return Arrays.stream(values())
                .filter(precision -> precision.configName.equals(configName))
                .findFirst();
    }
}
