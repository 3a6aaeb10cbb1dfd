package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;

/**
 * One encoder layer, in place on the hidden tokens. Post-norm, as in Vaswani et al. 2017 (arXiv 1706.03762, section 3.1):
 * {@code x = norm1(x + attention(x))}, then {@code x = norm2(x + feedForward(x))}. Pre-norm, as in Xiong et al. 2020 (arXiv
 * 2002.04745, figure 1b): {@code x = x + attention(norm1(x))}, then {@code x = x + feedForward(norm2(x))}.
 */
final class EncoderLayer {
    /** Whether it reads projected tokens, of which copies are alike. */
    private final boolean isFirst;

    private final boolean normFirst;
    private final SelfAttention attention;
    private final Norm norm1;
    private final FeedForward feedForward;
    private final Norm norm2;

    private EncoderLayer(
            boolean isFirst,
            boolean normFirst,
            SelfAttention attention,
            Norm norm1,
            FeedForward feedForward,
            Norm norm2) {
        this.isFirst = isFirst;
        this.normFirst = normFirst;
        this.attention = attention;
        this.norm1 = norm1;
        this.feedForward = feedForward;
        this.norm2 = norm2;
    }

    static EncoderLayer load(int layer, LayerWeights weights, ModelConfig config, WeightPacker packer) {
        return new EncoderLayer(
                layer == 0,
                config.normFirst(),
                SelfAttention.load(layer, weights, config, packer),
                packer.norm(weights.norm1()),
                FeedForward.load(weights, config, packer),
                packer.norm(weights.norm2()));
    }

    void forward(FusionWorkspace workspace) {
        int tokens = workspace.batch().tokens();
        boolean hasCopies = isFirst && workspace.batch().repeatedTokens() > 0;
        for (Block block : hasCopies ? workspace.ownTokens() : Block.split(tokens)) {
            Matrix hidden = workspace.hidden(block);
            attention.project(normFirst ? normed(hidden, norm1, workspace) : hidden, workspace, block);
        }
        if (hasCopies) {
            workspace.repeat(workspace.queryKeyValue());
        }
        attention.attend(workspace);
        finish(workspace, tokens);
    }

    /**
     * As {@link #forward}, but for the pooled token of each row alone: keys and values of all tokens, and all else of
     * one token per row, which becomes hidden token r.
     */
    void forwardPooled(FusionWorkspace workspace) {
        for (Block block : Block.split(workspace.batch().tokens())) {
            Matrix hidden = workspace.hidden(block);
            attention.projectKeysAndValues(normFirst ? normed(hidden, norm1, workspace) : hidden, workspace, block);
        }
        workspace.keepPooledTokens();
        int rows = workspace.batch().rows();
        for (Block block : Block.split(rows)) {
            Matrix hidden = workspace.hidden(block);
            attention.projectQueries(normFirst ? normed(hidden, norm1, workspace) : hidden, workspace, block);
        }
        attention.attendPooled(workspace);
        finish(workspace, rows);
    }

    /** Everything behind attention. */
    private void finish(FusionWorkspace workspace, int tokens) {
        Kernels kernels = workspace.kernels();
        for (Block block : Block.split(tokens)) {
            Matrix hidden = workspace.hidden(block);
            attention.addOutput(hidden, workspace, block);
            if (normFirst) {
                workspace.stopwatch().lap(Stage.ATTENTION);
                feedForward.add(hidden, normed(hidden, norm2, workspace), workspace);
            } else {
                kernels.layerNorm(hidden, hidden, norm1);
                workspace.stopwatch().lap(Stage.ATTENTION);
                feedForward.add(hidden, hidden, workspace);
                kernels.layerNorm(hidden, hidden, norm2);
            }
            workspace.stopwatch().lap(Stage.FEED_FORWARD);
        }
    }

    private static Matrix normed(Matrix hidden, Norm norm, FusionWorkspace workspace) {
        Matrix normed = workspace.normed().rows(0, hidden.rows());
        workspace.kernels().layerNorm(normed, hidden, norm);
        return normed;
    }

    /** Of one stage of {@link #forward}, or of {@link #forwardPooled}. */
    long multiplyAdds(Stage stage, Batch batch, boolean pooledOnly) {
        return switch (stage) {
            case ATTENTION ->
                attention.multiplyAdds(batch, pooledOnly)
                        - (isFirst && !pooledOnly ? attention.projection(batch.repeatedTokens()) : 0);
            case FEED_FORWARD -> feedForward.multiplyAdds(pooledOnly ? batch.rows() : batch.tokens());
            default -> 0;
        };
    }
}
