package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.List;

/**
 * How a model encodes the positions of tokens. The position of a token in its row counts the tokens of a stream from 0:
 * learned tokens, then each modality's tokens, masked ones included.
 *
 * @param embeddings what is added to tokens before the first layer
 * @param withTable names of the modalities that have a learned table of positions; empty if all have one, or none
 * @param rotary how queries and keys of self-attention are rotated by their position in the row, or null
 * @param maxPositions the number of positions in tables over the row and in computed tables; {@link
 *     ModalityConfig#UNLIMITED} without any
 */
public record PositionConfig(
        PositionEmbeddings embeddings, List<String> withTable, RotaryEmbeddings rotary, int maxPositions)
        implements Serializable {
    /** No positions. */
    public static final PositionConfig NONE =
            new PositionConfig(PositionEmbeddings.NONE, null, ModalityConfig.UNLIMITED);

    /** The number of positions in computed tables, unless a config gives another. */
    static final int USUAL_POSITIONS = 4096;

    public PositionConfig {
        withTable = List.copyOf(withTable);
    }

    /** Positions that are encoded alike for all modalities. */
    public PositionConfig(PositionEmbeddings embeddings, RotaryEmbeddings rotary, int maxPositions) {
        this(embeddings, List.of(), rotary, maxPositions);
    }

    /** Whether a modality has a position table, in a model with learned positions within modalities. */
    boolean hasTable(String modality) {
        return withTable.isEmpty() || withTable.contains(modality);
    }

    /** Whether the position in the row matters. */
    public boolean areOfRow() {
        return rotary != null || embeddings.areOfRow();
    }

    /**
     * The largest number of positions in a row, over all streams and with masked tokens; {@link
     * ModalityConfig#UNLIMITED} if positions in the row do not matter.
     */
    public int longestRow() {
        return areOfRow() ? maxPositions : ModalityConfig.UNLIMITED;
    }

    /** The same encoding with a learned table of {@code rows} rows. */
    PositionConfig withTable(int rows) {
        return new PositionConfig(embeddings, withTable, rotary, Math.min(rows, maxPositions));
    }
}
