package dev.braid.model;

import dev.braid.kernel.KernelLibrary;
import java.util.Arrays;
import java.util.Optional;

/** The type of the numbers that linear maps and attention multiply; everything else is float32. */
public enum Precision {
    /** Weights and inputs are not rounded. */
    FLOAT32("fp32", 4, 0.999),
    /**
     * Weights, inputs, queries, keys, values and the softmax rounded to bfloat16, sums in float32: the encoder is about
     * 1.9 times as fast on a processor with bfloat16 products, and keeps about three digits.
     */
    BFLOAT16("bf16", 2, 0.999),
    /**
     * Weights and inputs of linear maps rounded to 8-bit integers with a scale for each output and each token: the
     * encoder is twice as fast or more with AVX512-VNNI. Attention stays float32.
     */
    INT8("int8", 1, 0.99);

    private final String configName;
    private final int weightBytes;
    private final double leastCosine;

    Precision(String configName, int weightBytes, double leastCosine) {
        this.configName = configName;
        this.weightBytes = weightBytes;
        this.leastCosine = leastCosine;
    }

    /**
     * The smallest cosine with PyTorch's vectors that is allowed. In float32, a tolerance below 0.04 implies this
     * cosine, so it matters only if a larger tolerance is given.
     */
    public double leastCosine() {
        return leastCosine;
    }

    /** Bytes of one packed weight of a linear map. */
    int weightBytes() {
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

    /**
     * Checks that this machine has the instructions for this precision. A driver that computes nothing need not be
     * checked.
     *
     * @throws dev.braid.InputException if it has not, so that float32 would be faster, or int8 wrong
     */
    public void check() {
        if (this != FLOAT32) {
            library();
        }
    }

    /** The best kernels of this precision that this machine can load. */
    KernelLibrary library() {
        return switch (this) {
            case FLOAT32 -> KernelLibrary.best();
            case BFLOAT16 -> KernelLibrary.oneDnnBfloat16();
            case INT8 -> KernelLibrary.oneDnnInt8();
        };
    }
}
