package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import java.util.List;

/**
 * Multi-head attention of each row's tokens to each other (Vaswani et al. 2017, arXiv 1706.03762, section 3.2). Queries,
 * keys and values of all rows come from one linear map; the factor {@code 1 / sqrt(head size)} is folded into the query's
 * weights when they are loaded.
 */
final class SelfAttention implements AutoCloseable {
    private final int layer;
    private final int heads;
    private final int hiddenSize;
    private final PackedLinear queryKeyValue;
    /** Null where attention ends at the concatenated heads. */
    private final PackedLinear output;

    private SelfAttention(int layer, int heads, int hiddenSize, PackedLinear queryKeyValue, PackedLinear output) {
        this.layer = layer;
        this.heads = heads;
        this.hiddenSize = hiddenSize;
        this.queryKeyValue = queryKeyValue;
        this.output = output;
    }

    static SelfAttention load(int layer, LayerWeights weights, ModelConfig config, WeightPacker packer) {
        float scale = (float) (1 / Math.sqrt(config.headSize()));
        return new SelfAttention(
                layer,
                config.heads(),
                config.hiddenSize(),
                packer.stacked(List.of(weights.query(), weights.key(), weights.value()), scale),
                weights.output() == null ? null : packer.linear(weights.output()));
    }

    /** Queries, keys and values of one block of tokens. */
    void project(Matrix in, FusionWorkspace workspace, Block block) {
        Matrix projected = workspace.queryKeyValue().rows(block.first(), block.height());
        workspace.kernels().linear(projected, in, queryKeyValue, Activation.NONE);
    }

    /** Every row's tokens attend to each other. */
    void attend(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        for (int row = 0; row < batch.rows(); row++) {
            Range tokens = new Range(batch.firstToken(row), batch.tokens(row));
            // Long rows go a part of their queries at a time: the scores then grow with the length, not with its
            // square.
            for (Range queries : tokens.parts(FusionWorkspace.MAX_QUERIES)) {
                attend(workspace, queries, tokens);
                if (workspace.attentionShares() != null) {
                    workspace.attentionShares().add(row, layer, queries.count(), workspace.scores());
                }
            }
        }
    }

    /** The context of the packed tokens {@code queries}, which attend to the packed tokens {@code keys}. */
    private void attend(FusionWorkspace workspace, Range queries, Range keys) {
        Matrix projected = workspace.queryKeyValue();
        workspace
                .kernels()
                .attention(
                        workspace.context().rows(queries.first(), queries.count()),
                        projected.columns(0, hiddenSize).rows(queries.first(), queries.count()),
                        projected.columns(hiddenSize, hiddenSize).rows(keys.first(), keys.count()),
                        projected.columns(2 * hiddenSize, hiddenSize).rows(keys.first(), keys.count()),
                        workspace.scores(),
                        heads);
    }

    /** Adds what attention found for a block of tokens to their residual. */
    void addOutput(Matrix residual, FusionWorkspace workspace, Block block) {
        Matrix context = workspace.context().rows(block.first(), block.height());
        if (output == null) {
            workspace.kernels().add(residual, context);
        } else {
            workspace.kernels().linearAdd(residual, context, output);
        }
    }

    long multiplyAdds(Batch batch) {
        long linear = (long) batch.tokens() * hiddenSize * hiddenSize * (output == null ? 3 : 4);
        long products = 0;
        for (int row = 0; row < batch.rows(); row++) {
            products += 2L * batch.tokens(row) * batch.tokens(row) * hiddenSize;
        }
        return linear + products;
    }

    @Override
    public void close() {
        queryKeyValue.close();
        if (output != null) {
            output.close();
        }
    }
}
