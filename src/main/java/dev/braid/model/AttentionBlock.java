package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.checkpoint.AttentionWeights;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Attention;
import dev.braid.kernel.AttentionRows;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import dev.braid.kernel.SoftmaxReader;
import java.util.List;

/**
 * Multi-head attention of each row's tokens of one stream to those of the same stream or of another one, with residual and
 * LayerNorm (Vaswani et al. 2017, arXiv 1706.03762, sections 3.1 and 3.2). One linear map gives queries, keys and values, or
 * the queries have a map of their own: in cross-attention, and in a layer that may be asked for pooled tokens alone. The factor
 * {@code 1 / sqrt(head size)} is folded into the query's weights when they are loaded.
 */
final class AttentionBlock {
    private final Place place;
    private final boolean normFirst;
    private final int heads;
    private final int hiddenSize;
    /** Null where queries are one map with keys and values. */
    private final PackedLinear query;
    /** [3 D, D], or [2 D, K] without queries. */
    private final PackedLinear keyValue;
    /** Null where attention ends at the concatenated heads. */
    private final PackedLinear output;

    private final Norm norm;

    /**
     * Where an attention stands in the model.
     *
     * @param index its number among the model's attentions
     * @param queries index of the stream of its queries
     * @param keys index of the stream of its keys and values
     * @param sharesCopies whether tokens of the keys' stream that were copies when they were projected still are
     * @param queriesApart whether it may be asked for the queries of pooled tokens alone
     */
    record Place(int index, int queries, int keys, boolean sharesCopies, boolean queriesApart) {
        boolean isSelfAttention() {
            return queries == keys;
        }
    }

    private AttentionBlock(
            Place place,
            LayerConfig config,
            PackedLinear query,
            PackedLinear keyValue,
            PackedLinear output,
            Norm norm) {
        this.place = place;
        this.normFirst = config.normFirst();
        this.heads = config.heads();
        this.hiddenSize = config.hiddenSize();
        this.query = query;
        this.keyValue = keyValue;
        this.output = output;
        this.norm = norm;
    }

    static AttentionBlock load(Place place, AttentionWeights weights, LayerConfig config, WeightPacker packer) {
        float scale = (float) (1 / Math.sqrt(config.headSize()));
        boolean apart = place.queriesApart() || !place.isSelfAttention();
        return new AttentionBlock(
                place,
                config,
                apart ? packer.stacked(List.of(weights.query()), scale) : null,
                apart
                        ? packer.stacked(List.of(weights.key(), weights.value()), 1f)
                        : packer.stacked(List.of(weights.query(), weights.key(), weights.value()), scale),
                weights.output() == null ? null : packer.linear(weights.output()),
                packer.norm(weights.norm(), config.layerNormEps()));
    }

    /**
     * Every row's tokens attend.
     *
     * @param pooledOnly the pooled token of each row alone; it becomes the row's only hidden token
     */
    void attend(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream queries = workspace.stream(place.queries());
        TokenStream keys = workspace.stream(place.keys());
        boolean together = place.isSelfAttention() && !pooledOnly;
        for (Block block : place.sharesCopies() ? keys.ownBlocks() : keys.blocks()) {
            Matrix hidden = keys.hidden(block);
            Matrix in = place.isSelfAttention() ? normed(hidden, keys, workspace) : hidden;
            if (together && query != null) {
                projectQueries(in, workspace, block);
            }
            Matrix projected = workspace.queryKeyValue().rows(block.first(), block.height());
            workspace.kernels().linear(columns(projected, keyValue), in, keyValue, Activation.NONE);
        }
        if (place.sharesCopies()) {
            keys.repeat(workspace.queryKeyValue(), workspace.kernels());
        }
        if (!together) {
            if (pooledOnly) {
                queries.keep(workspace::pooledToken, workspace.kernels());
            }
            for (Block block : queries.blocks()) {
                projectQueries(normed(queries.hidden(block), queries, workspace), workspace, block);
            }
        }
        attend(queries, keys.packed(), workspace);
    }

    private void projectQueries(Matrix in, FusionWorkspace workspace, Block block) {
        Matrix projected = workspace.queryKeyValue().rows(block.first(), block.height());
        workspace.kernels().linear(projected.columns(0, hiddenSize), in, query, Activation.NONE);
    }

    /** Where a map writes: at the end of the columns of queries, keys and values. */
    private Matrix columns(Matrix projected, PackedLinear map) {
        return projected.columns(3 * hiddenSize - map.outputs(), map.outputs());
    }

    private Matrix normed(Matrix hidden, TokenStream stream, FusionWorkspace workspace) {
        if (!normFirst) {
            return hidden;
        }
        Matrix normed = stream.normed().rows(0, hidden.rows());
        workspace.kernels().norm(normed, hidden, norm);
        return normed;
    }

    private void attend(TokenStream queries, PackedTokens keys, FusionWorkspace workspace) {
        AttentionShares shares = workspace.attentionShares();
        SoftmaxReader reader =
                shares == null ? null : (row, softmax, first) -> shares.add(row, place.index(), softmax, first);
        Matrix projected = workspace.queryKeyValue();
        Attention attention = new Attention(
                workspace.context(hiddenSize),
                projected.columns(0, hiddenSize),
                projected.columns(hiddenSize, hiddenSize),
                projected.columns(2 * hiddenSize, hiddenSize),
                new AttentionRows(workspace.batch().rows(), queries::firstToken, keys::firstToken),
                heads,
                reader);
        workspace.kernels().attention(attention, workspace.attentionScratch());
    }

    /** Adds what attention found for a block of tokens to their residual, and normalises it in a post-norm layer. */
    void addOutput(Matrix residual, FusionWorkspace workspace, Block block) {
        Kernels kernels = workspace.kernels();
        Matrix context = workspace.context(hiddenSize).rows(block.first(), block.height());
        if (output == null) {
            kernels.add(residual, context);
        } else {
            kernels.linearAdd(residual, context, output);
        }
        if (!normFirst) {
            kernels.norm(residual, residual, norm);
        }
    }

    long multiplyAdds(FusionWorkspace workspace, boolean pooledOnly) {
        PackedTokens queries = workspace.stream(place.queries()).packed();
        PackedTokens keys = workspace.stream(place.keys()).packed();
        int rows = workspace.batch().rows();
        long shared = place.sharesCopies() ? keys.repeated() : 0;
        long asked = pooledOnly ? rows : queries.tokens();
        long maps = (keys.tokens() - shared) * (long) keyValue.inputs() * keyValue.outputs();
        if (query != null) {
            boolean sharesQueries = place.isSelfAttention() && !pooledOnly;
            maps += (asked - (sharesQueries ? shared : 0)) * query.inputs() * query.outputs();
        }
        if (output != null) {
            maps += asked * output.inputs() * output.outputs();
        }
        long products = 0;
        for (int row = 0; row < rows; row++) {
            products += 2L * (pooledOnly ? 1 : queries.tokens(row)) * keys.tokens(row) * hiddenSize;
        }
        return maps + products;
    }
}
