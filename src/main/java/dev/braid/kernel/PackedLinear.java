package dev.braid.kernel;

/**
 * The weight [N, K] and bias [N] of a linear map {@code y = x W^T + b}, in a kernel library's own layout. Immutable;
 * all threads share it. Created by {@link KernelLibrary#pack}.
 */
public abstract class PackedLinear implements AutoCloseable {
    /**
     * The largest padding of inputs or outputs: layouts pad to whole blocks, and oneDNN's blocks are at most 64 wide.
     */
    private static final int MOST_PADDING = 63;

    private final int inputs;
    private final int outputs;
    private final Matrix weight;
    private final Matrix bias;

    /** Takes ownership of both matrices. The weight may have any layout. */
    PackedLinear(int inputs, int outputs, Matrix weight, Matrix bias) {
        this.inputs = inputs;
        this.outputs = outputs;
        this.weight = weight;
        this.bias = bias;
    }

    /**
     * The largest size of a packed weight with K inputs and N outputs, in floats, in any layout and on any processor.
     */
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
