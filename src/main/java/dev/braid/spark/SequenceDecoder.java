package dev.braid.spark;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.Bytes;
import dev.braid.batch.FeatureSequence;
import java.io.Serializable;
import org.apache.spark.sql.types.DataType;

/**
 * Reads one modality of a paired row: its features and, where there is one, its mask or length. The numbers of a token that
 * is not kept are not looked at.
 */
final class SequenceDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    private final FeatureColumn feature;
    private final FeatureType type;
    private final int ordinal;
    private final int width;
    /** Null where every token is kept. */
    private final TokenSelection selection;

    /**
     * A decoder of one feature column.
     *
     * @param type of the column
     * @param ordinal of the column in a row
     * @param selection null where every token is kept
     */
    SequenceDecoder(FeatureColumn feature, DataType type, int ordinal, TokenSelection selection) {
        this.feature = feature;
        this.type = FeatureType.of(type).orElseThrow();
        this.ordinal = ordinal;
        this.width = feature.modality().featureSize();
        this.selection = selection;
    }

    /** Whether the row has no features of the modality. */
    boolean isMissing(StoredRow row) {
        return row.isNullAt(ordinal);
    }

    /** The next row is compared with this one. */
    void remember(StoredRow row) {
        row.remember(ordinal);
    }

    /** Whether the row has the features of the row that was remembered; its mask or length may differ. */
    boolean repeats(StoredRow row) {
        return !isMissing(row) && row.repeats(ordinal, type);
    }

    /** The kept tokens of a row, at least one: a view, valid until the next row is read. */
    FeatureSequence decode(StoredRow row) throws UnfitValueException {
        if (isMissing(row)) {
            throw unfit(Reason.NULL_SEQUENCE, null, "is null, expected a sequence of features");
        }
        return type == FeatureType.BINARY ? binary(row) : arrays(row);
    }

    private FeatureSequence binary(StoredRow row) throws UnfitValueException {
        Bytes bytes = row.bytes(ordinal);
        int length = row.length(ordinal);
        String number = feature.elementType().configName();
        String foreign = ForeignFormat.of(bytes, length).orElse(null);
        if (foreign != null) {
            throw unfit(
                    Reason.FOREIGN_BYTES,
                    null,
                    "begins as " + foreign + " does, expected " + number + " numbers without a header; store what"
                            + " NumPy's array.tobytes() gives");
        }
        int tokens = tokens(length, feature.elementType().bytes(), "has " + length + " bytes", number);
        return kept(row, tokens).view(new BinarySequence(bytes, feature.elementType(), tokens, width));
    }

    private FeatureSequence arrays(StoredRow row) throws UnfitValueException {
        StoredNumbers numbers = row.numbers(ordinal, type);
        int length = type.isNested() ? 0 : numbers.length(0);
        if (length == StoredNumbers.SPARSE) {
            throw sparse(0);
        }
        int tokens = type.isNested() ? numbers.arrays() : tokens(length, 1, "has length " + length, null);
        Kept kept = kept(row, tokens);
        if (type.isNested()) {
            checkNested(numbers, kept);
        } else if (numbers.mayHoldNull()) {
            checkFlat(numbers, kept);
        }
        return kept.view(new ArraySequence(numbers, type.isNested(), tokens, width));
    }

    /** How many tokens a flat value holds. */
    private int tokens(int length, int numberLength, String got, String number) throws UnfitValueException {
        long tokenLength = (long) width * numberLength;
        if (length % tokenLength != 0) {
            String source = number == null ? "" : number + " x " + width + ", ";
            throw unfit(
                    Reason.WRONG_WIDTH,
                    null,
                    got + ", expected a multiple of " + tokenLength + " (" + source + source());
        }
        return (int) (length / tokenLength);
    }

    private Kept kept(StoredRow row, int stored) throws UnfitValueException {
        if (stored == 0) {
            throw unfit(Reason.EMPTY_SEQUENCE, null, "is empty, expected at least one token");
        }
        return selection == null ? Kept.first(stored) : selection.kept(row.values(), stored);
    }

    private void checkFlat(StoredNumbers numbers, Kept kept) throws UnfitValueException {
        int element = numbers.firstNull(0, 0);
        while (element >= 0) {
            int token = element / width;
            checkDropped(token, kept);
            element = numbers.firstNull(0, (token + 1) * width);
        }
    }

    private void checkNested(StoredNumbers tokens, Kept kept) throws UnfitValueException {
        boolean mayHoldNull = tokens.mayHoldNull();
        for (int t = 0; t < tokens.arrays(); t++) {
            int length = tokens.length(t);
            if (length == width && !mayHoldNull) {
                continue;
            }
            if (length == StoredNumbers.NULL || (length >= 0 && mayHoldNull && tokens.firstNull(t, 0) >= 0)) {
                checkDropped(t, kept);
            } else if (length == StoredNumbers.SPARSE && kept.holds(t)) {
                throw sparse(t);
            } else if (length != width && kept.holds(t)) {
                throw unfit(
                        Reason.WRONG_WIDTH,
                        t,
                        "has width " + length + (t == 0 ? "" : " at token " + t) + ", expected " + width + " ("
                                + source());
            }
        }
    }

    /** A token that holds null must be one that is not kept. */
    private void checkDropped(int token, Kept kept) throws UnfitValueException {
        if (kept.holds(token)) {
            throw unfit(Reason.NULL_ELEMENT, token, "holds null at token " + token + ", expected numbers");
        }
    }

    private UnfitValueException sparse(int token) {
        return unfit(Reason.SPARSE_VECTOR, token, "holds a sparse vector at token " + token + ", expected a dense one");
    }

    private UnfitValueException unfit(Reason reason, Integer token, String detail) {
        return new UnfitValueException(new Fault(reason, feature.modality().name(), feature.column(), token, detail));
    }

    private String source() {
        return "feature_size of '" + feature.modality().name() + "' in config.json)";
    }
}
