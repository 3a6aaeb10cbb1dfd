package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * One stream of tokens in the workspace of a thread (N token budget, B tokens of a block, D the stream's hidden size).
 * Projections write the tokens, layers change them in place.
 */
final class TokenStream {
    private final PackedTokens packed;
    /** [N, D]. */
    private final Matrix hidden;
    /** The numbers of {@link #hidden}. */
    private final FloatBuffer numbers;
    /** [B, D]. */
    private final Matrix projected;
    /** [B, D]. */
    private final Matrix boxes;
    /** [B, D]. */
    private final Matrix normed;
    /** Whether hidden token r is the pooled token of row r, and all other tokens are gone. */
    private boolean holdsPooledOnly;

    TokenStream(PackedTokens packed, WorkspaceBuffers.StreamBuffers buffers) {
        this.packed = packed;
        this.hidden = buffers.hidden();
        this.numbers = hidden.buffer();
        this.projected = buffers.projected();
        this.boxes = buffers.boxes();
        this.normed = buffers.normed();
    }

    /** Which packed token belongs to which row and modality. */
    PackedTokens packed() {
        return packed;
    }

    /** [N, D]: the packed tokens, once they are projected. */
    Matrix hidden() {
        return hidden;
    }

    /** The numbers of {@link #hidden()}, token after token. */
    FloatBuffer numbers() {
        return numbers;
    }

    /** Writes one of a row's tokens to {@code vector}. */
    void token(int row, int token, float[] vector) {
        if (holdsPooledOnly) {
            throw new IllegalStateException("a workspace for pooled vectors alone keeps no other token");
        }
        numbers.get((packed.firstToken(row) + token) * vector.length, vector);
    }

    /** [up to 128, D]: a block of hidden tokens. */
    Matrix hidden(Block block) {
        return hidden.rows(block.first(), block.height());
    }

    /** [128, D]: a block of projected tokens of one modality. */
    Matrix projected() {
        return projected;
    }

    /** [128, D]: the projected boxes of a block of tokens. */
    Matrix boxes() {
        return boxes;
    }

    /** [128, D], an operand: a block of tokens as a pre-norm layer reads it. */
    Matrix normed() {
        return normed;
    }

    /** Prepares the stream for another batch. */
    void begin() {
        holdsPooledOnly = false;
    }

    /** The hidden tokens in blocks. */
    List<Block> blocks() {
        return Block.split(tokens());
    }

    /** Blocks of the tokens that do not repeat those of an earlier row. */
    List<Block> unrepeatedBlocks() {
        return Block.unrepeated(packed, hidden.rows());
    }

    /** Copies repeated tokens to all places where they belong, in a matrix with a row per packed token. */
    void copyRepeated(Matrix tokens, Kernels kernels) {
        packed.forEachRepeat((source, index, count) ->
                kernels.copyRows(tokens, token -> index + token, tokens, token -> source + token, count));
    }

    /** The number of hidden tokens. */
    int tokens() {
        return holdsPooledOnly ? packed.rows() : packed.tokens();
    }

    /** The index of a row's first hidden token. */
    int firstToken(int row) {
        return holdsPooledOnly ? row : packed.firstToken(row);
    }

    /** Whether only the pooled token of each row is left. */
    boolean holdsPooledOnly() {
        return holdsPooledOnly;
    }

    /**
     * Drops all tokens but one of each row r: moves token {@code pooled(r)} to index r. This works in place, because
     * {@code pooled(r)} is r or larger and rows are moved in order.
     */
    void keepPooledOnly(IntUnaryOperator pooled, Kernels kernels) {
        keepPooledOnly(hidden, pooled, kernels);
    }

    /** Like {@link #keepPooledOnly(IntUnaryOperator, Kernels)}, but copies from the hidden tokens of another stream. */
    void keepPooledOnly(Matrix from, IntUnaryOperator pooled, Kernels kernels) {
        kernels.copyRows(hidden, row -> row, from, pooled, packed.rows());
        holdsPooledOnly = true;
    }
}
