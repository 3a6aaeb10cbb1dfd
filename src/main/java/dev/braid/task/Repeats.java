package dev.braid.task;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.RepeatedTokens;
import dev.braid.decode.DecodedRow;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.StoredRow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds sequences that repeat unchanged from row to row, such as those of an image with several captions. A batch packs and
 * projects them once. This is exact: a sequence that is not known to be the same is packed again.
 */
final class Repeats {
    private static final int NONE = -1;

    private final RowDecoder decoder;
    /** By modality, the row of the batch that has the sequence of the row read last; {@link #NONE} if there is none. */
    private final int[] rows;
    /** The row read last; null if it was bad, or there was none. */
    private Sequences last;

    Repeats(RowDecoder decoder) {
        this.decoder = decoder;
        this.rows = new int[decoder.modalities()];
        clear();
    }

    /** Notes that the batch is empty. */
    void clear() {
        Arrays.fill(rows, NONE);
    }

    /** Notes a row that was read. */
    void read(StoredRow row, DecodedRow decoded) {
        Sequences sequences = decoded instanceof Sequences good ? good : null;
        for (int m = 0; m < rows.length; m++) {
            if (rows[m] != NONE && (sequences == null || last == null || !isRepeated(row, sequences, m))) {
                rows[m] = NONE;
            }
        }
        last = sequences;
        decoder.remember(row);
    }

    private boolean isRepeated(StoredRow row, Sequences decoded, int modality) {
        FeatureSequence sequence = decoded.byModality().get(modality);
        FeatureSequence before = last.byModality().get(modality);
        if (sequence.tokens() == 0 || sequence.tokens() != before.tokens() || !decoder.repeats(row, modality)) {
            return false;
        }
        for (int token = 0; token < sequence.tokens(); token++) {
            if (sequence.position(token) != before.position(token)) {
                return false;
            }
        }
        return true;
    }

    /** The sequences of the row read last, with {@link RepeatedTokens} for those that the batch already has. */
    List<FeatureSequence> of(Sequences decoded) {
        List<FeatureSequence> byModality = new ArrayList<>(decoded.byModality());
        for (int m = 0; m < rows.length; m++) {
            if (rows[m] != NONE) {
                byModality.set(m, new RepeatedTokens(rows[m], byModality.get(m)));
            }
        }
        return byModality;
    }

    /** Notes that the row read last is this row of the batch. */
    void packed(int row) {
        for (int m = 0; m < rows.length; m++) {
            rows[m] = rows[m] == NONE ? row : rows[m];
        }
    }
}
