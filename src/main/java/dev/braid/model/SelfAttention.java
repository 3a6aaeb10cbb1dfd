package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Attention;
import dev.braid.kernel.AttentionRows;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import dev.braid.kernel.SoftmaxReader;
import java.util.List;

/**
 * Multi-head attention of each row's tokens to each other (Vaswani et al. 2017, arXiv 1706.03762, section 3.2). Queries,
 * keys and values of all rows come from one linear map, or the queries from one of their own in a layer that may be asked
 * for those of pooled tokens alone; the factor {@code 1 / sqrt(head size)} is folded into the query's weights when they are
 * loaded.
 */
final class SelfAttention {
    private final int layer;
    private final int heads;
    private final int hiddenSize;
    /** Null where queries are one map with keys and values. */
    private final PackedLinear query;
    /** [3 D, D], or [2 D, D] without queries. */
    private final PackedLinear keyValue;
    /** Null where attention ends at the concatenated heads. */
    private final PackedLinear output;

    private SelfAttention(
            int layer, int heads, int hiddenSize, PackedLinear query, PackedLinear keyValue, PackedLinear output) {
        this.layer = layer;
        this.heads = heads;
        this.hiddenSize = hiddenSize;
        this.query = query;
        this.keyValue = keyValue;
        this.output = output;
    }

    static SelfAttention load(int layer, LayerWeights weights, ModelConfig config, WeightPacker packer) {
        float scale = (float) (1 / Math.sqrt(config.headSize()));
        boolean apart = layer == config.layers() - 1 && config.pooling().readsOneToken();
        return new SelfAttention(
                layer,
                config.heads(),
                config.hiddenSize(),
                apart ? packer.stacked(List.of(weights.query()), scale) : null,
                apart
                        ? packer.stacked(List.of(weights.key(), weights.value()), 1f)
                        : packer.stacked(List.of(weights.query(), weights.key(), weights.value()), scale),
                weights.output() == null ? null : packer.linear(weights.output()));
    }

    /** Queries, keys and values of one block of tokens. */
    void project(Matrix in, FusionWorkspace workspace, Block block) {
        if (query != null) {
            projectQueries(in, workspace, block);
        }
        projectKeysAndValues(in, workspace, block);
    }

    /** Queries of one block of tokens, in a layer that has them apart. */
    void projectQueries(Matrix in, FusionWorkspace workspace, Block block) {
        Matrix projected = workspace.query().rows(block.first(), block.height());
        workspace.kernels().linear(projected, in, query, Activation.NONE);
    }

    /** Keys and values of one block of tokens, and queries in a layer that has them all in one. */
    void projectKeysAndValues(Matrix in, FusionWorkspace workspace, Block block) {
        Matrix projected = workspace.queryKeyValue().rows(block.first(), block.height());
        Matrix columns = projected.columns(3 * hiddenSize - keyValue.outputs(), keyValue.outputs());
        workspace.kernels().linear(columns, in, keyValue, Activation.NONE);
    }

    /** Every row's tokens attend to each other. */
    void attend(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        AttentionShares shares = workspace.attentionShares();
        SoftmaxReader reader = shares == null ? null : (row, softmax, first) -> shares.add(row, layer, softmax, first);
        attend(workspace, new AttentionRows(batch.rows(), batch::firstToken, batch::firstToken), reader);
    }

    /** The pooled token of row r, at r, attends to all tokens of the row. */
    void attendPooled(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        attend(workspace, new AttentionRows(batch.rows(), row -> row, batch::firstToken), null);
    }

    private void attend(FusionWorkspace workspace, AttentionRows rows, SoftmaxReader reader) {
        Attention attention = new Attention(
                workspace.context(), workspace.query(), workspace.key(), workspace.value(), rows, heads, reader);
        workspace.kernels().attention(attention, workspace.attentionScratch());
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

    /** Multiply-adds of {@link #project} for so many tokens. */
    long projection(int tokens) {
        return 3L * tokens * hiddenSize * hiddenSize;
    }

    long multiplyAdds(Batch batch, boolean pooledOnly) {
        long queries = pooledOnly ? batch.rows() : batch.tokens();
        long linear = (queries * (output == null ? 1 : 2) + 2L * batch.tokens()) * hiddenSize * hiddenSize;
        long products = 0;
        for (int row = 0; row < batch.rows(); row++) {
            products += 2L * (pooledOnly ? 1 : batch.tokens(row)) * batch.tokens(row) * hiddenSize;
        }
        return linear + products;
    }
}
