package dev.braid.model;

import dev.braid.kernel.Matrix;

/**
 * Writes the learned tokens, [k, D], at the start of every row of a stream. A single one is the CLS token of Devlin et
 * al. 2019 (arXiv 1810.04805), section 3; several are the queries of Jaegle et al. 2021 (arXiv 2103.03206), section
 * 3.1.
 */
record LearnedTokens(int stream, Matrix embeddings) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream tokens = workspace.stream(stream);
        int count = embeddings.rows();
        workspace
                .kernels()
                .copyRows(
                        tokens.hidden(),
                        i -> tokens.packed().firstToken(i / count) + i % count,
                        embeddings,
                        i -> i % count,
                        workspace.batch().rows() * count);
    }
}
