package dev.braid.model;

import dev.braid.kernel.Matrix;
import java.util.List;
import java.util.stream.IntStream;

/**
 * One layer, in place on the tokens of a stream: self-attention, cross-attention or both in either order, then the
 * feed-forward if there is one. Each adds to its residual; LayerNorm follows (post-norm, as in Vaswani et al. 2017,
 * arXiv 1706.03762, section 3.1) or precedes it (pre-norm, as in Xiong et al. 2020, arXiv 2002.04745, figure 1b).
 *
 * @param stream index of the stream that it changes
 * @param feedForward or null
 * @param isPooled whether the pooling reads one token per row of its output, and no later layer reads that output. If
 *     only pooled vectors are read, its last self-attention and what follows compute only that token
 */
record TransformerLayer(int stream, List<AttentionBlock> attentions, FeedForward feedForward, boolean isPooled)
        implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream tokens = workspace.stream(stream);
        for (int i = 0; i < attentions.size(); i++) {
            AttentionBlock attention = attentions.get(i);
            attention.attend(workspace, pooledOnly && canLimitToPooled(i) && !tokens.holdsPooledOnly());
            boolean last = i == attentions.size() - 1;
            for (Block block : tokens.blocks()) {
                Matrix hidden = tokens.hidden(block);
                attention.addOutput(hidden, workspace, block);
                workspace.timer().attended();
                if (last && feedForward != null) {
                    feedForward.add(hidden, tokens.normed(), workspace);
                    workspace.timer().fedForward();
                }
            }
        }
    }

    /**
     * Whether an attention can be limited to pooled tokens: no later self-attention of the layer needs the others as
     * keys.
     */
    private boolean canLimitToPooled(int attention) {
        return isPooled && attentions.stream().skip(attention + 1L).noneMatch(AttentionBlock::isSelfAttention);
    }

    @Override
    public boolean isLayer() {
        return true;
    }

    @Override
    public long attentionProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return IntStream.range(0, attentions.size())
                .mapToLong(i -> attentions.get(i).multiplyAdds(workspace, pooledOnly && canLimitToPooled(i)))
                .sum();
    }

    @Override
    public long feedForwardProducts(FusionWorkspace workspace, boolean pooledOnly) {
        if (feedForward == null) {
            return 0;
        }
        return feedForward.multiplyAdds(
                pooledOnly && isPooled
                        ? workspace.batch().rows()
                        : workspace.stream(stream).packed().tokens());
    }
}
