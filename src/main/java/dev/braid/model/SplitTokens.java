package dev.braid.model;

/**
 * Copies the tokens of a stream back from a joined stream whose rows begin with them.
 *
 * @param stream index of the stream that takes them
 * @param joined index of the stream that joins it with others
 */
record SplitTokens(int stream, int joined) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream to = workspace.stream(stream);
        TokenStream from = workspace.stream(joined);
        if (from.holdsPooledOnly()) {
            to.keepPooledOnly(from.hidden(), row -> row, workspace.kernels());
            return;
        }
        for (int row = 0; row < workspace.batch().rows(); row++) {
            int target = to.packed().firstToken(row);
            int source = from.packed().firstToken(row);
            int count = to.packed().tokens(row);
            workspace.kernels().copyRows(to.hidden(), i -> target + i, from.hidden(), i -> source + i, count);
        }
    }
}
