package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.kernel.Matrix;

/** A learned token, [1, D], at the head of every row: Devlin et al. 2019 (arXiv 1810.04805), section 3. */
record ClsToken(Matrix embedding) {

    void place(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        workspace.kernels().copyRows(workspace.hidden(), batch::firstToken, embedding, row -> 0, batch.rows());
    }
}
