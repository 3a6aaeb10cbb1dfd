package dev.braid.model;

import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import dev.braid.tensor.Activation;

/**
 * {@code tanh(x W^T + b)} of the token at position 0 of every row, as BERT pools: Devlin et al. 2019 (arXiv
 * 1810.04805).
 */
record TanhPooler(PackedLinear dense) {

    /** Writes row r's pooled vector to row r of {@link WorkspaceBuffers#pooled}. */
    void pool(FusionWorkspace workspace) {
        TokenStream tokens = workspace.firstOutput();
        Matrix pooled = workspace.buffers().pooled(dense.outputs());
        for (Block rows : Block.split(workspace.batch().rows())) {
            Matrix first = tokens.projected().rows(0, rows.height());
            workspace
                    .kernels()
                    .copyRows(
                            first,
                            i -> i,
                            tokens.hidden(),
                            i -> workspace.pooledToken(rows.first() + i),
                            rows.tokens());
            workspace.kernels().linear(pooled.rows(rows.first(), rows.height()), first, dense, Activation.TANH);
        }
    }

    long multiplyAdds(int rows) {
        return (long) rows * dense.inputs() * dense.outputs();
    }
}
