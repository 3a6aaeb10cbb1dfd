package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;

/** {@code tanh(x W^T + b)} of the token at position 0 of every row, as BERT pools: Devlin et al. 2019 (arXiv 1810.04805). */
record TanhPooler(PackedLinear dense) {

    /** Writes row r's pooled vector to row r of the context, which nothing needs behind the last layer. */
    void pool(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        FloatBuffer hidden = workspace.hidden().buffer();
        int size = dense.inputs();
        for (Block rows : Block.split(batch.rows())) {
            Matrix first = workspace.projected().rows(0, rows.height());
            FloatBuffer tokens = first.buffer();
            for (int i = 0; i < rows.tokens(); i++) {
                tokens.put(i * size, hidden, workspace.pooledToken(rows.first() + i) * size, size);
            }
            workspace
                    .kernels()
                    .linear(workspace.context().rows(rows.first(), rows.height()), first, dense, Activation.TANH);
        }
    }

    long multiplyAdds(Batch batch) {
        return (long) batch.rows() * dense.inputs() * dense.outputs();
    }
}
