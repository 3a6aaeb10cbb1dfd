package dev.braid.decode;

import dev.braid.batch.FeatureSequence;
import dev.braid.rows.StoredRow;
import java.io.Serializable;

/**
 * Reads one modality of a paired row: its features or token ids and, if the modality has them, its boxes and its mask or length.
 */
final class SequenceDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    private final ColumnDecoder features;
    /** Null for a modality without boxes. */
    private final ColumnDecoder boxes;
    /** Null if every token is kept. */
    private final TokenSelection selection;

    /**
     * A decoder of one modality.
     *
     * @param boxes null for a modality without boxes
     * @param selection null if every token is kept
     */
    SequenceDecoder(ColumnDecoder features, ColumnDecoder boxes, TokenSelection selection) {
        this.features = features;
        this.boxes = boxes;
        this.selection = selection;
    }

    /** Whether the row has no features of the modality. */
    boolean isMissing(StoredRow row) {
        return features.isNull(row);
    }

    /** Remembers this row: {@link #repeats} compares the next row with it. */
    void remember(StoredRow row) {
        features.remember(row);
        if (boxes != null) {
            boxes.remember(row);
        }
    }

    /** Whether the row's features and boxes equal those of the remembered row; its mask or length may differ. */
    boolean repeats(StoredRow row) {
        return features.repeats(row) && (boxes == null || boxes.repeats(row));
    }

    /** The kept tokens of a row, at least one: a view, valid until the next row is read. */
    FeatureSequence decode(StoredRow row) throws UnfitValueException {
        FeatureSequence stored = features.stored(row);
        Kept kept = kept(row, stored.tokens());
        features.check(stored, kept);
        return kept.view(boxes == null ? stored : boxed(row, stored, kept));
    }

    private Kept kept(StoredRow row, int stored) throws UnfitValueException {
        if (stored == 0) {
            throw features.unfit(Reason.EMPTY_SEQUENCE, null, "is empty, expected at least one token");
        }
        return selection == null ? Kept.first(stored) : selection.kept(row.values(), stored);
    }

    private FeatureSequence boxed(StoredRow row, FeatureSequence stored, Kept kept) throws UnfitValueException {
        FeatureSequence ofBoxes = boxes.stored(row);
        if (ofBoxes.tokens() != stored.tokens()) {
            throw boxes.unfit(
                    Reason.UNFIT_BOXES,
                    null,
                    "has " + ofBoxes.tokens() + " boxes, expected " + stored.tokens() + " (tokens of '"
                            + features.column() + "')");
        }
        boxes.check(ofBoxes, kept);
        return new BoxedSequence(stored, ofBoxes);
    }
}
