package dev.braid.model;

import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;

/** A LayerNorm over every token of a stream: over the embeddings, or after the last layer of a stack. */
record TokenNorm(int stream, Norm norm) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream tokens = workspace.stream(stream);
        for (Block block : tokens.blocks()) {
            Matrix hidden = tokens.hidden(block);
            workspace.kernels().norm(hidden, hidden, norm);
        }
    }
}
