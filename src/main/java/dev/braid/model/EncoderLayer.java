package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;

/**
 * One post-norm encoder layer, in place on the hidden tokens: {@code x = norm1(x + attention(x))}, then
 * {@code x = norm2(x + feedForward(x))}; Vaswani et al. 2017 (arXiv 1706.03762), section 3.1.
 */
final class EncoderLayer implements AutoCloseable {
    private final SelfAttention attention;
    private final Norm norm1;
    private final FeedForward feedForward;
    private final Norm norm2;

    private EncoderLayer(SelfAttention attention, Norm norm1, FeedForward feedForward, Norm norm2) {
        this.attention = attention;
        this.norm1 = norm1;
        this.feedForward = feedForward;
        this.norm2 = norm2;
    }

    static EncoderLayer load(LayerWeights weights, ModelConfig config, WeightPacker packer) {
        return new EncoderLayer(
                SelfAttention.load(weights, config, packer),
                packer.norm(weights.norm1()),
                FeedForward.load(weights, config, packer),
                packer.norm(weights.norm2()));
    }

    void forward(FusionWorkspace workspace) {
        Kernels kernels = workspace.kernels();
        attention.attend(workspace);
        for (Block block : Block.split(workspace.batch().tokens())) {
            Matrix hidden = workspace.hidden().rows(block.first(), block.height());
            attention.addOutput(hidden, workspace, block);
            kernels.layerNorm(hidden, hidden, norm1);
            feedForward.add(hidden, workspace);
            kernels.layerNorm(hidden, hidden, norm2);
        }
    }

    long multiplyAdds(Batch batch) {
        return attention.multiplyAdds(batch) + feedForward.multiplyAdds(batch);
    }

    @Override
    public void close() {
        attention.close();
        norm1.close();
        feedForward.close();
        norm2.close();
    }
}
