package dev.braid.kernel;

/**
 * The weight [N, K] and bias [N] of a linear map {@code y = x W^T + b} in a kernel library's own layout: immutable, shared
 * by all threads, made by {@link KernelLibrary#pack}.
 */
public abstract class PackedLinear implements AutoCloseable {
    /** Layouts pad inputs and outputs to whole blocks; oneDNN's are at most 64 wide. */
    private static final int MOST_PADDING = 63;

    private final int inputs;
    private final int outputs;
    private final Matrix weight;
    private final Matrix bias;

    /** Takes over both matrices; the weight may be in any layout. */
    PackedLinear(int inputs, int outputs, Matrix weight, Matrix bias) {
        this.inputs = inputs;
        this.outputs = outputs;
        this.weight = weight;
        this.bias = bias;
    }

    /** The most floats that the weight of a map from K inputs to N outputs takes, in any form and on any processor. */
    public static long mostElements(long inputs, long outputs) {
        return (inputs + MOST_PADDING) * (outputs + MOST_PADDING);
    }

    /** K. */
    public final int inputs() {
        return inputs;
    }

    /** N. */
    public final int outputs() {
        return outputs;
    }

    final Matrix weight() {
        return weight;
    }

    final Matrix bias() {
        return bias;
    }

    @Override
    public void close() {
        weight.close();
        bias.close();
    }
}
