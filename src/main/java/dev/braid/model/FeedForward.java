package dev.braid.model;

import dev.braid.checkpoint.FeedForwardWeights;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;

/**
 * Two linear maps with an activation between them, residual and LayerNorm: Vaswani et al. 2017 (arXiv 1706.03762), sections 3.1
 * and 3.3, equation 2.
 */
final class FeedForward {
    private final PackedLinear linear1;
    private final Activation activation;
    private final PackedLinear linear2;
    private final boolean normFirst;
    private final Norm norm;

    private FeedForward(
            PackedLinear linear1, Activation activation, PackedLinear linear2, boolean normFirst, Norm norm) {
        this.linear1 = linear1;
        this.activation = activation;
        this.linear2 = linear2;
        this.normFirst = normFirst;
        this.norm = norm;
    }

    static FeedForward load(FeedForwardWeights weights, LayerConfig config, WeightPacker packer) {
        Activation activation = switch (config.activation()) {
            case RELU -> Activation.RELU;
            case GELU -> Activation.GELU;
            case GELU_NEW -> Activation.GELU_TANH;
        };
        return new FeedForward(
                packer.linear(weights.linear1()),
                activation,
                packer.linear(weights.linear2()),
                config.normFirst(),
                packer.norm(weights.norm(), config.layerNormEps()));
    }

    /**
     * {@code residual = norm(residual + linear2(activation(linear1(residual))))} for one block of tokens or, in a pre-norm layer,
     * {@code residual += linear2(activation(linear1(norm(residual))))}.
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
        Matrix intermediate = workspace.intermediate(linear1.outputs()).rows(0, in.rows());
        kernels.linear(intermediate, in, linear1, activation);
        kernels.linearAdd(residual, intermediate, linear2);
        if (!normFirst) {
            kernels.norm(residual, residual, norm);
        }
    }

    long multiplyAdds(long tokens) {
        return 2L * tokens * linear1.inputs() * linear1.outputs();
    }
}
