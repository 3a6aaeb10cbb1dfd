package dev.braid.spark;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.DecodedRow.Reason;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.KeptTokens;
import java.io.Serializable;
import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.DataType;

/**
 * Reads one modality of a paired row: its features and, where there is one, its mask or length. What is stored of a token
 * that is not kept is not looked at.
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
     * @param ordinal where it stands in a row
     * @param selection null where every token is kept
     */
    SequenceDecoder(FeatureColumn feature, DataType type, int ordinal, TokenSelection selection) {
        this.feature = feature;
        this.type = FeatureType.of(type).orElseThrow();
        this.ordinal = ordinal;
        this.width = feature.modality().featureSize();
        this.selection = selection;
    }

    /** The kept tokens of a row, at least one: a view, valid until the next row is read. */
    FeatureSequence decode(InternalRow row) throws UnfitValueException {
        if (row.isNullAt(ordinal)) {
            throw unfit(Reason.NULL_SEQUENCE, "is null, expected a sequence of features");
        }
        return type == FeatureType.BINARY ? binary(row) : array(row);
    }

    private FeatureSequence binary(InternalRow row) throws UnfitValueException {
        byte[] bytes = row.getBinary(ordinal);
        String number = feature.elementType().configName();
        int tokens = tokens(bytes.length, feature.elementType().bytes(), "has " + bytes.length + " bytes", number);
        return view(new BinarySequence(bytes, feature.elementType(), tokens), kept(row, tokens));
    }

    private FeatureSequence array(InternalRow row) throws UnfitValueException {
        ArrayData array = row.getArray(ordinal);
        int elements = array.numElements();
        int tokens = type.isNested() ? elements : tokens(elements, 1, "has length " + elements, null);
        int[] kept = kept(row, tokens);
        // False is trusted: nothing below looks for nulls then.
        boolean mayHoldNull = ColumnScan.mayHoldNull(row, ordinal);
        if (type.isNested()) {
            checkNested(array, kept, mayHoldNull);
        } else if (mayHoldNull) {
            checkFlat(array, kept);
        }
        return view(new ArraySequence(array, type, tokens), kept);
    }

    /** How many tokens a flat value holds. */
    private int tokens(int length, int numberLength, String got, String number) throws UnfitValueException {
        long tokenLength = (long) width * numberLength;
        if (length % tokenLength != 0) {
            String source = number == null ? "" : number + " x " + width + ", ";
            throw unfit(Reason.WRONG_WIDTH, got + ", expected a multiple of " + tokenLength + " (" + source + source());
        }
        return (int) (length / tokenLength);
    }

    /** Null where all tokens are kept. */
    private int[] kept(InternalRow row, int stored) throws UnfitValueException {
        if (stored == 0) {
            throw unfit(Reason.EMPTY_SEQUENCE, "is empty, expected at least one token");
        }
        if (selection == null) {
            return null;
        }
        int[] kept = selection.kept(row, stored);
        return kept.length == stored ? null : kept;
    }

    private static FeatureSequence view(FeatureSequence stored, int[] kept) {
        return kept == null ? stored : new KeptTokens(stored, kept, kept.length);
    }

    private void checkFlat(ArrayData array, int[] kept) throws UnfitValueException {
        int element = ArraySequence.firstNull(array, 0);
        while (element >= 0) {
            int token = element / width;
            checkDropped(token, kept);
            element = ArraySequence.firstNull(array, (token + 1) * width);
        }
    }

    private void checkNested(ArrayData tokens, int[] kept, boolean mayHoldNull) throws UnfitValueException {
        for (int t = 0; t < tokens.numElements(); t++) {
            ArrayData token = mayHoldNull && tokens.isNullAt(t) ? null : tokens.getArray(t);
            if (token != null && token.numElements() != width && isKept(t, kept)) {
                throw unfit(
                        Reason.WRONG_WIDTH,
                        "has width " + token.numElements() + (t == 0 ? "" : " at token " + t) + ", expected " + width
                                + " (" + source());
            }
            if (token == null || (mayHoldNull && ArraySequence.firstNull(token, 0) >= 0)) {
                checkDropped(t, kept);
            }
        }
    }

    /** A token that holds null must be one that is not kept. */
    private void checkDropped(int token, int[] kept) throws UnfitValueException {
        if (isKept(token, kept)) {
            throw unfit(Reason.NULL_VALUE, "holds null at token " + token + ", expected numbers");
        }
    }

    private static boolean isKept(int token, int[] kept) {
        return kept == null || Arrays.binarySearch(kept, token) >= 0;
    }

    private UnfitValueException unfit(Reason reason, String found) {
        return new UnfitValueException(reason, feature.column(), found);
    }

    private String source() {
        return "feature_size of '" + feature.modality().name() + "' in config.json)";
    }
}
