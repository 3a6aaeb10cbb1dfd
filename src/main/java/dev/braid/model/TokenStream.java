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
    /** Whether hidden token r is the pooled token of row r, and no other token is left. */
    private boolean kept;

    TokenStream(PackedTokens packed, WorkspaceBuffers.StreamBuffers buffers) {
        this.packed = packed;
        this.hidden = buffers.hidden();
        this.numbers = hidden.buffer();
        this.projected = buffers.projected();
        this.boxes = buffers.boxes();
        this.normed = buffers.normed();
    }

    /** Which tokens are whose. */
    PackedTokens packed() {
        return packed;
    }

    /** [N, D]: the packed tokens, from the projection on. */
    Matrix hidden() {
        return hidden;
    }

    /** Its numbers, a token after the other. */
    FloatBuffer numbers() {
        return numbers;
    }

    /** Writes one of a row's tokens to {@code vector}. */
    void token(int row, int token, float[] vector) {
        if (kept) {
            throw new IllegalStateException("a workspace for pooled vectors alone keeps no other token");
        }
        numbers.get((packed.firstToken(row) + token) * vector.length, vector);
    }

    /** [up to 128, D]: a block of them. */
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

    /** Another batch begins. */
    void begin() {
        kept = false;
    }

    /** The hidden tokens, a block after the other. */
    List<Block> blocks() {
        return Block.split(tokens());
    }

    /** Blocks of the tokens that are no copies. */
    List<Block> ownBlocks() {
        return Block.own(packed, hidden.rows());
    }

    /** Copies the rows of repeated tokens to where they belong, in a matrix of a row per packed token. */
    void repeat(Matrix tokens, Kernels kernels) {
        packed.repeats((source, index, count) ->
                kernels.copyRows(tokens, token -> index + token, tokens, token -> source + token, count));
    }

    /** How many hidden tokens there are. */
    int tokens() {
        return kept ? packed.rows() : packed.tokens();
    }

    /** The index of a row's first hidden token. */
    int firstToken(int row) {
        return kept ? row : packed.firstToken(row);
    }

    /** Whether the pooled token of each row is all that is left. */
    boolean isKept() {
        return kept;
    }

    /** Moves token {@code pooled(r)} of each row r to hidden token r, in place and front to back: its index is r or later. */
    void keep(IntUnaryOperator pooled, Kernels kernels) {
        keep(hidden, pooled, kernels);
    }

    /** As above, from the hidden tokens of a stream that begins with this one's. */
    void keep(Matrix from, IntUnaryOperator pooled, Kernels kernels) {
        kernels.copyRows(hidden, row -> row, from, pooled, packed.rows());
        kept = true;
    }
}
