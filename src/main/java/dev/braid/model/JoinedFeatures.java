package dev.braid.model;

import dev.braid.kernel.Kernels;
import java.util.List;

/**
 * Concatenates the features of several streams that have the same tokens: token t of the joined stream is token t of
 * each part, side by side.
 */
record JoinedFeatures(int stream, List<Integer> parts) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream joined = workspace.stream(stream);
        Kernels kernels = workspace.kernels();
        int column = 0;
        for (int index : parts) {
            TokenStream part = workspace.stream(index);
            int size = part.hidden().columns();
            kernels.copyRows(
                    joined.hidden().columns(column, size),
                    i -> i,
                    part.hidden(),
                    i -> i,
                    joined.packed().tokens());
            column += size;
        }
    }
}
