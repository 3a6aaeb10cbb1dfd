package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.kernel.Kernels;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * Replaces the tokens of a bottleneck by their mean over several streams, both in the bottleneck's own stream and at
 * the end of each row of those streams: Nagrani et al. 2021 (arXiv 2107.00135), equation 9.
 *
 * @param bottleneck index of the stream of the bottleneck's tokens
 * @param joined indices of the streams that join another stream with the bottleneck
 */
record BottleneckMean(int bottleneck, List<Integer> joined) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        Kernels kernels = workspace.kernels();
        TokenStream mean = workspace.stream(bottleneck);
        int count = mean.tokens();
        for (int i = 0; i < joined.size(); i++) {
            TokenStream stream = workspace.stream(joined.get(i));
            if (i == 0) {
                kernels.copyRows(mean.hidden(), token -> token, stream.hidden(), places(stream, mean), count);
            } else {
                kernels.addRows(mean.hidden(), stream.hidden(), places(stream, mean), count);
            }
        }
        kernels.scale(mean.hidden().rows(0, count), 1f / joined.size());
        for (int index : joined) {
            TokenStream stream = workspace.stream(index);
            kernels.copyRows(stream.hidden(), places(stream, mean), mean.hidden(), token -> token, count);
        }
    }

    /** Where the bottleneck's tokens are in a stream: at the end of each row. */
    private static IntUnaryOperator places(TokenStream stream, TokenStream mean) {
        PackedTokens packed = stream.packed();
        int ofRow = mean.packed().learned();
        return token -> packed.firstToken(token / ofRow + 1) - ofRow + token % ofRow;
    }
}
