package dev.braid.model;

import dev.braid.checkpoint.FeedForwardWeights;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import dev.braid.tensor.Activation;

/**
 * Two linear maps with an activation between them, residual and norm: Vaswani et al. 2017 (arXiv 1706.03762), sections
 * 3.1 and 3.3, equation 2. With a gate, the activated numbers are multiplied by the output of a third map of the input:
 * Shazeer 2020 (arXiv 2002.05202), equation 6.
 */
final class FeedForward {
    private final PackedLinear linear1;
    private final Activation activation;
    /** Null without a gate. */
    private final PackedLinear up;

    private final PackedLinear linear2;
    private final boolean normFirst;
    private final Norm norm;

    private FeedForward(
            PackedLinear linear1,
            Activation activation,
            PackedLinear up,
            PackedLinear linear2,
            boolean normFirst,
            Norm norm) {
        this.linear1 = linear1;
        this.activation = activation;
        this.up = up;
        this.linear2 = linear2;
        this.normFirst = normFirst;
        this.norm = norm;
    }

    static FeedForward load(FeedForwardWeights weights, LayerConfig config, WeightPacker packer) {
        return new FeedForward(
                packer.linear(weights.linear1()),
                config.activation(),
                weights.up() == null ? null : packer.linear(weights.up()),
                packer.linear(weights.linear2()),
                config.normFirst(),
                packer.norm(weights.norm(), config.norm()));
    }

    /**
     * {@code residual = norm(residual + f(residual))} for one block of tokens or, in a pre-norm layer,
     * {@code residual += f(norm(residual))}, where {@code f(x) = linear2(activation(linear1(x)))} or, with a gate,
     * {@code linear2(activation(linear1(x)) * up(x))}.
     *
     * @param normed [at least as many rows as the residual, D], scratch memory
     */
    void add(Matrix residual, Matrix normed, FusionWorkspace workspace) {
        Kernels kernels = workspace.kernels();
        Matrix in = residual;
        if (normFirst) {
            in = normed.rows(0, residual.rows());
            kernels.norm(in, residual, norm);
        }
        Matrix intermediate =
                workspace.buffers().intermediate(linear1.outputs()).rows(0, in.rows());
        kernels.linear(intermediate, in, linear1, activation);
        if (up != null) {
            Matrix factor = workspace.buffers().up(up.outputs()).rows(0, in.rows());
            kernels.linear(factor, in, up);
            kernels.multiply(intermediate, factor);
        }
        kernels.linearAdd(residual, intermediate, linear2);
        if (!normFirst) {
            kernels.norm(residual, residual, norm);
        }
    }

    long multiplyAdds(long tokens) {
        return (up == null ? 2L : 3L) * tokens * linear1.inputs() * linear1.outputs();
    }
}
