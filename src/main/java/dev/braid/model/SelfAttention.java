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
    private final int heads;
    private final int hiddenSize;
    private final PackedLinear queryKeyValue;
    /** Null where attention ends at the concatenated heads. */
    private final PackedLinear output;

    private SelfAttention(int heads, int hiddenSize, PackedLinear queryKeyValue, PackedLinear output) {
        this.heads = heads;
        this.hiddenSize = hiddenSize;
        this.queryKeyValue = queryKeyValue;
        this.output = output;
    }

    static SelfAttention load(LayerWeights weights, ModelConfig config, WeightPacker packer) {
        float scale = (float) (1 / Math.sqrt(config.headSize()));
        return new SelfAttention(
                config.heads(),
                config.hiddenSize(),
                packer.stacked(List.of(weights.query(), weights.key(), weights.value()), scale),
                weights.output() == null ? null : packer.linear(weights.output()));
    }

    /** Reads the hidden tokens and writes the context of every row. */
    void attend(FusionWorkspace workspace) {
        Matrix projected = workspace.queryKeyValue();
        for (Block block : Block.split(workspace.batch().tokens())) {
            workspace
                    .kernels()
                    .linear(
                            projected.rows(block.first(), block.height()),
                            workspace.hidden().rows(block.first(), block.height()),
                            queryKeyValue,
                            Activation.NONE);
        }
        Matrix query = projected.columns(0, hiddenSize);
        Matrix key = projected.columns(hiddenSize, hiddenSize);
        Matrix value = projected.columns(2 * hiddenSize, hiddenSize);
        Batch batch = workspace.batch();
        for (int row = 0; row < batch.rows(); row++) {
            int first = batch.firstToken(row);
            int tokens = batch.tokens(row);
            Matrix rowKey = key.rows(first, tokens);
            Matrix rowValue = value.rows(first, tokens);
            // Long rows go a part of their queries at a time: the scores then grow with the length, not with its
            // square.
            int parts = (tokens + FusionWorkspace.MAX_QUERIES - 1) / FusionWorkspace.MAX_QUERIES;
            for (int part = 0; part < parts; part++) {
                int from = (int) ((long) tokens * part / parts);
                int to = (int) ((long) tokens * (part + 1) / parts);
                workspace
                        .kernels()
                        .attention(
                                workspace.context().rows(first + from, to - from),
                                query.rows(first + from, to - from),
                                rowKey,
                                rowValue,
                                workspace.scores(),
                                heads);
            }
        }
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
