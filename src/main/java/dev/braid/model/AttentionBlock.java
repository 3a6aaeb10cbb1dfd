package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.checkpoint.AttentionWeights;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.kernel.Attention;
import dev.braid.kernel.AttentionRows;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import dev.braid.kernel.SoftmaxReader;
import dev.braid.model.WeightPacker.Part;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * Multi-head attention with residual and norm: within each row, the tokens of one stream attend to those of the same or
 * another stream (Vaswani et al. 2017, arXiv 1706.03762, sections 3.1 and 3.2). One linear map gives queries, keys and
 * values. The queries have a separate map in cross-attention, and in a layer that may compute pooled tokens only.
 *
 * <p>Loading folds the factor {@code 1 / sqrt(head size)} into the query weights. If rotary embeddings pair
 * neighbouring numbers of a head, loading moves each pair to the two halves of the head, in queries and keys alike,
 * which does not change their products.
 */
final class AttentionBlock {
    private final Place place;
    private final boolean normFirst;
    private final int heads;
    private final int hiddenSize;
    /** G, the size of a token's keys, and of its values. */
    private final int keyValueSize;
    /** Null if one map gives queries, keys and values. */
    private final PackedLinear query;
    /** [D + 2 G, D] if this map gives the queries too, otherwise [2 G, K], K the hidden size of the keys' stream. */
    private final PackedLinear keyValue;
    /** The output projection; null if attention ends at the concatenated heads. */
    private final PackedLinear output;

    private final Norm norm;
    /** The norm of the tokens that cross-attention reads, or null. */
    private final Norm memoryNorm;
    /** Null if queries and keys are not rotated, as in cross-attention. */
    private final Rotation rotation;

    /**
     * How queries and keys are rotated by their positions.
     *
     * @param angles [positions, head size], for all layers
     * @param pairsNeighbours whether a stored head pairs numbers 2i and 2i + 1, instead of number i of each half
     */
    record Rotation(Matrix angles, boolean pairsNeighbours) {}

    /**
     * The place of an attention in the model.
     *
     * @param index its number among the model's attentions
     * @param queries index of the stream of its queries
     * @param keys index of the stream of its keys and values
     * @param sharesCopies whether repeated tokens of the keys' stream still equal their originals, so that their keys
     *     and values can be copied
     * @param queriesApart whether queries have a separate map, because only those of pooled tokens may be needed
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
            Norm norm,
            Norm memoryNorm,
            Rotation rotation) {
        this.place = place;
        this.normFirst = config.normFirst();
        this.heads = config.heads();
        this.hiddenSize = config.hiddenSize();
        this.keyValueSize = config.keyValueSize();
        this.query = query;
        this.keyValue = keyValue;
        this.output = output;
        this.norm = norm;
        this.memoryNorm = memoryNorm;
        this.rotation = rotation;
    }

    /** @param ofModel the rotation in the model's self-attention, or null */
    static AttentionBlock load(
            Place place, AttentionWeights weights, LayerConfig config, Rotation ofModel, WeightPacker packer) {
        Rotation rotation = place.isSelfAttention() ? ofModel : null;
        int paired = rotation != null && rotation.pairsNeighbours() ? config.headSize() : 0;
        Part query = new Part(weights.query(), (float) (1 / Math.sqrt(config.headSize())), paired);
        Part key = new Part(weights.key(), 1f, paired);
        Part value = new Part(weights.value());
        boolean apart = place.queriesApart() || !place.isSelfAttention();
        return new AttentionBlock(
                place,
                config,
                apart ? packer.stacked(List.of(query)) : null,
                packer.stacked(apart ? List.of(key, value) : List.of(query, key, value)),
                weights.output() == null ? null : packer.linear(weights.output()),
                packer.norm(weights.norm(), config.norm()),
                weights.memoryNorm() == null ? null : packer.norm(weights.memoryNorm(), config.norm()),
                rotation);
    }

    /**
     * Computes the context of every token, before the output projection.
     *
     * @param pooledOnly whether to do so only for the pooled token of each row, which becomes the row's only hidden
     *     token
     */
    void attend(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream queries = workspace.stream(place.queries());
        TokenStream keys = workspace.stream(place.keys());
        boolean together = place.isSelfAttention() && !pooledOnly;
        boolean copies = place.sharesCopies() && keys.packed().repeatedTokens() > 0;
        for (Block block : copies ? keys.unrepeatedBlocks() : keys.blocks()) {
            Matrix hidden = keys.hidden(block);
            Matrix in = normed(hidden, keys, place.isSelfAttention() ? preNorm() : memoryNorm, workspace);
            if (together && query != null) {
                projectQueries(in, workspace, block);
            }
            Matrix projected = workspace.buffers().queryKeyValue().rows(block.first(), block.height());
            workspace.kernels().linear(columns(projected, keyValue), in, keyValue);
            if (!copies) {
                rotateKeys(keys, together, workspace, block);
            }
        }
        if (copies) {
            keys.copyRepeated(workspace.buffers().queryKeyValue(), workspace.kernels());
            keys.blocks().forEach(block -> rotateKeys(keys, together, workspace, block));
        }
        if (!together) {
            if (pooledOnly) {
                queries.keepPooledOnly(row -> workspace.pooledToken(queries, row), workspace.kernels());
            }
            for (Block block : queries.blocks()) {
                projectQueries(normed(queries.hidden(block), queries, preNorm(), workspace), workspace, block);
                rotate(
                        workspace,
                        block,
                        0,
                        hiddenSize,
                        row -> queries.packed().position(workspace.packedPooledToken(queries, row)));
            }
        }
        attend(queries, keys.packed(), workspace);
    }

    boolean isSelfAttention() {
        return place.isSelfAttention();
    }

    private void projectQueries(Matrix in, FusionWorkspace workspace, Block block) {
        Matrix projected = workspace.buffers().queryKeyValue().rows(block.first(), block.height());
        workspace.kernels().linear(projected.columns(0, hiddenSize), in, query);
    }

    /** Rotates the keys of one block of tokens and, if they were projected {@code together}, their queries. */
    private void rotateKeys(TokenStream keys, boolean together, FusionWorkspace workspace, Block block) {
        int first = together ? 0 : hiddenSize;
        rotate(workspace, block, first, hiddenSize + keyValueSize - first, keys.packed()::position);
    }

    private void rotate(FusionWorkspace workspace, Block block, int column, int columns, IntUnaryOperator position) {
        if (rotation != null) {
            Matrix heads = workspace
                    .buffers()
                    .queryKeyValue()
                    .rows(block.first(), block.tokens())
                    .columns(column, columns);
            workspace
                    .kernels()
                    .rotate(heads, rotation.angles(), i -> position.applyAsInt(block.first() + i), block.tokens());
        }
    }

    /** The columns that a map writes: the last ones of the columns for queries, keys and values. */
    private Matrix columns(Matrix projected, PackedLinear map) {
        return projected.columns(hiddenSize + 2 * keyValueSize - map.outputs(), map.outputs());
    }

    /** The norm of the stream's tokens before they are projected; null in a post-norm layer. */
    private Norm preNorm() {
        return normFirst ? norm : null;
    }

    /** @param by the norm, or null for none: the tokens are then returned unchanged */
    private static Matrix normed(Matrix hidden, TokenStream stream, Norm by, FusionWorkspace workspace) {
        if (by == null) {
            return hidden;
        }
        Matrix normed = stream.normed().rows(0, hidden.rows());
        workspace.kernels().norm(normed, hidden, by);
        return normed;
    }

    private void attend(TokenStream queries, PackedTokens keys, FusionWorkspace workspace) {
        AttentionShares shares = workspace.attentionShares();
        SoftmaxReader reader =
                shares == null ? null : (row, softmax, first) -> shares.add(row, place.index(), softmax, first);
        Matrix projected = workspace.buffers().queryKeyValue();
        Attention attention = new Attention(
                workspace.buffers().context(hiddenSize),
                projected.columns(0, hiddenSize),
                projected.columns(hiddenSize, keyValueSize),
                projected.columns(hiddenSize + keyValueSize, keyValueSize),
                new AttentionRows(workspace.batch().rows(), queries::firstToken, keys::firstToken),
                heads,
                reader);
        workspace.kernels().attention(attention, workspace.buffers().attentionScratch());
    }

    /**
     * Adds the output of attention for a block of tokens to their residual and, in a post-norm layer, normalises the
     * sum.
     */
    void addOutput(Matrix residual, FusionWorkspace workspace, Block block) {
        Kernels kernels = workspace.kernels();
        Matrix context = workspace.buffers().context(hiddenSize).rows(block.first(), block.height());
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
        long shared = place.sharesCopies() ? keys.repeatedTokens() : 0;
        long queryTokens = pooledOnly ? rows : queries.tokens();
        long maps = (keys.tokens() - shared) * (long) keyValue.inputs() * keyValue.outputs();
        if (query != null) {
            boolean sharesQueries = place.isSelfAttention() && !pooledOnly;
            maps += (queryTokens - (sharesQueries ? shared : 0)) * query.inputs() * query.outputs();
        }
        if (output != null) {
            maps += queryTokens * output.inputs() * output.outputs();
        }
        long products = 0;
        for (int row = 0; row < rows; row++) {
            products += 2L * (pooledOnly ? 1 : queries.tokens(row)) * keys.tokens(row) * hiddenSize;
        }
        return maps + products;
    }
}
