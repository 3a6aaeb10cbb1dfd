package dev.braid.model;

import dev.braid.kernel.KernelLibrary;
import java.util.Arrays;
import java.util.Optional;

/** The numbers that linear maps and attention multiply; everything else is float32 throughout. */
public enum Precision {
    /** Weights and inputs as they are. */
    FLOAT32("fp32", 4),
    /**
     * Weights, inputs, queries, keys, values and the softmax rounded to bfloat16, sums in float32: the encoder is about 1.9 times as fast
     * where the processor multiplies such numbers itself, for about three digits.
     */
    BFLOAT16("bf16", 2);

    private final String configName;
    private final int weightBytes;

    Precision(String configName, int weightBytes) {
        this.configName = configName;
        this.weightBytes = weightBytes;
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
        if (this == BFLOAT16) {
            KernelLibrary.oneDnnBfloat16();
        }
    }

    /** The best kernels of this precision that this machine can load. */
    KernelLibrary library() {
        return switch (this) {
            case FLOAT32 -> KernelLibrary.best();
            case BFLOAT16 -> KernelLibrary.oneDnnBfloat16();
        };
    }
}
