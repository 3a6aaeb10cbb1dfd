package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.kernel.Matrix;
import java.nio.FloatBuffer;

/** A learned token, [1, D], at the head of every row: Devlin et al. 2019 (arXiv 1810.04805), section 3. */
record ClsToken(Matrix embedding) {

    void place(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        FloatBuffer hidden = workspace.hidden().buffer();
        FloatBuffer source = embedding.buffer();
        int size = embedding.columns();
        for (int row = 0; row < batch.rows(); row++) {
            hidden.put(batch.firstToken(row) * size, source, 0, size);
        }
    }
}
