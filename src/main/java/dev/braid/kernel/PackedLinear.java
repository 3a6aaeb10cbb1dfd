package dev.braid.kernel;

/**
 * The weight [N, K] and bias [N] of a linear map {@code y = x W^T + b} in a kernel library's own layout: immutable, shared
 * by all threads, made by {@link KernelLibrary#pack}.
 */
public abstract class PackedLinear implements AutoCloseable {
    private final int inputs;
    private final int outputs;

    PackedLinear(int inputs, int outputs) {
        this.inputs = inputs;
        this.outputs = outputs;
    }

    /** K. */
    public final int inputs() {
        return inputs;
    }

    /** N. */
    public final int outputs() {
        return outputs;
    }

    @Override
    public abstract void close();
}
