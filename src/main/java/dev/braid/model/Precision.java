package dev.braid.model;

import dev.braid.kernel.KernelLibrary;
import java.util.Arrays;
import java.util.Optional;

/** The numbers that linear maps and attention multiply; everything else is float32 throughout. */
public enum Precision {
    /** Weights and inputs as they are. */
    FLOAT32("fp32", 4, 0.999),
    /**
     * Weights, inputs, queries, keys, values and the softmax rounded to bfloat16, sums in float32: the encoder is about 1.9 times as fast
     * where the processor multiplies such numbers itself, for about three digits.
     */
    BFLOAT16("bf16", 2, 0.999),
    /**
     * Weights and inputs of linear maps rounded to 8-bit integers with a scale for each output and each token: the encoder is twice
     * as fast or more with AVX512-VNNI. Attention stays float32.
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
     * The smallest cosine with PyTorch's vectors that is allowed. In float32 a tolerance below 0.04 ensures it, so it refuses
     * wrong vectors that only a very large tolerance lets pass.
     */
    public double leastCosine() {
        return leastCosine;
    }

    /** Bytes of one packed weight of a linear map. */
    int weightBytes() {
        return weightBytes;
    }

    /** Its name as an option. */
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
     * Whether this machine gains from it; a driver that computes nothing need not.
     *
     * @throws dev.braid.InputException where it would be slower than float32
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
