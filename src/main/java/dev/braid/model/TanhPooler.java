package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;

/** {@code tanh(x W^T + b)} of the token at position 0 of every row, as BERT pools: Devlin et al. 2019 (arXiv 1810.04805). */
record TanhPooler(PackedLinear dense) {

    /** Writes row r's pooled vector to row r of the context, which nothing needs behind the last layer. */
    void pool(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        for (Block rows : Block.split(batch.rows())) {
            Matrix first = workspace.projected().rows(0, rows.height());
            workspace
                    .kernels()
                    .copyRows(
                            first,
                            i -> i,
                            workspace.hidden(),
                            i -> workspace.pooledToken(rows.first() + i),
                            rows.tokens());
            workspace
                    .kernels()
                    .linear(workspace.context().rows(rows.first(), rows.height()), first, dense, Activation.TANH);
        }
    }

    long multiplyAdds(Batch batch) {
        return (long) batch.rows() * dense.inputs() * dense.outputs();
    }
}
