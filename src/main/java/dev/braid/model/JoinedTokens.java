package dev.braid.model;

import java.util.List;

/** Copies the tokens of several streams to one: within each row, the streams follow each other in order. */
record JoinedTokens(int stream, List<Integer> parts) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream joined = workspace.stream(stream);
        for (int row = 0; row < workspace.batch().rows(); row++) {
            int to = joined.packed().firstToken(row);
            for (int index : parts) {
                TokenStream part = workspace.stream(index);
                int first = part.packed().firstToken(row);
                int start = to;
                int count = part.packed().tokens(row);
                workspace.kernels().copyRows(joined.hidden(), i -> start + i, part.hidden(), i -> first + i, count);
                to += count;
            }
        }
    }
}
