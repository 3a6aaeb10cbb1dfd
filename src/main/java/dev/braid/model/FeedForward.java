package dev.braid.model;

import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;

/** Two linear maps with an activation between them: Vaswani et al. 2017 (arXiv 1706.03762), equation 2. */
final class FeedForward {
    private final PackedLinear linear1;
    private final Activation activation;
    private final PackedLinear linear2;

    private FeedForward(PackedLinear linear1, Activation activation, PackedLinear linear2) {
        this.linear1 = linear1;
        this.activation = activation;
        this.linear2 = linear2;
    }

    static FeedForward load(LayerWeights weights, ModelConfig config, WeightPacker packer) {
        Activation activation = switch (config.activation()) {
            case RELU -> Activation.RELU;
            case GELU -> Activation.GELU;
            case GELU_NEW -> Activation.GELU_TANH;
        };
        return new FeedForward(
                packer.linear(weights.feedForward1()), activation, packer.linear(weights.feedForward2()));
    }

    /** {@code residual += linear2(activation(linear1(in)))} for one block of tokens; {@code in} may be the residual. */
    void add(Matrix residual, Matrix in, FusionWorkspace workspace) {
        Matrix intermediate = workspace.intermediate().rows(0, in.rows());
        workspace.kernels().linear(intermediate, in, linear1, activation);
        workspace.kernels().linearAdd(residual, intermediate, linear2);
    }

    long multiplyAdds(long tokens) {
        return 2L * tokens * linear1.inputs() * linear1.outputs();
    }
}
