package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;

/**
 * How tokens know their positions. A position in the row counts the tokens of a stream from 0: learned tokens, then each modality
 * as it was extracted, masked tokens too.
 *
 * @param embeddings what is added to tokens before the first layer
 * @param withTable names of the modalities that have a learned table of positions; empty where all have one, or none
 * @param rotary how queries and keys of self-attention are rotated by their position in the row, or null
 * @param maxPositions positions in tables over the row and in computed tables; {@link ModalityConfig#UNLIMITED} without any
 */
@DefaultSerializer(JavaSerializer.class)
public record PositionConfig(
        PositionEmbeddings embeddings, List<String> withTable, RotaryEmbeddings rotary, int maxPositions)
        implements Serializable {
    /** No positions. */
    public static final PositionConfig NONE =
            new PositionConfig(PositionEmbeddings.NONE, null, ModalityConfig.UNLIMITED);

    /** Positions in tables that are computed, where a config does not say another number. */
    static final int USUAL_POSITIONS = 4096;

    public PositionConfig {
        withTable = List.copyOf(withTable);
    }

    /** The same positions for all modalities. */
    public PositionConfig(PositionEmbeddings embeddings, RotaryEmbeddings rotary, int maxPositions) {
        this(embeddings, List.of(), rotary, maxPositions);
    }

    /** Whether a modality has a table, if they are learned by position in the modality. */
    boolean hasTable(String modality) {
        return withTable.isEmpty() || withTable.contains(modality);
    }

    /** Whether the position in the row matters. */
    public boolean areOfRow() {
        return rotary != null || embeddings.areOfRow();
    }

    /** The longest row in positions, those of all streams and masked tokens included; {@link ModalityConfig#UNLIMITED} where these do not matter. */
    public int longestRow() {
        return areOfRow() ? maxPositions : ModalityConfig.UNLIMITED;
    }

    /** With a learned table of so many rows. */
    PositionConfig withTable(int rows) {
        return new PositionConfig(embeddings, withTable, rotary, Math.min(rows, maxPositions));
    }
}
