package dev.braid.decode;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.Bytes;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import dev.braid.rows.FeatureType;
import dev.braid.rows.StoredNumbers;
import dev.braid.rows.StoredRow;
import dev.braid.tables.FeatureColumn;
import java.io.Serializable;
import java.util.Locale;
import org.apache.spark.sql.types.DataType;

/**
 * Reads one column of a modality: its features, its token ids, or its boxes. Ignores the numbers of tokens that are not kept.
 */
final class ColumnDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    private final FeatureColumn feature;
    private final String column;
    private final FeatureType type;
    private final ElementType elementType;
    private final int ordinal;
    private final int width;
    /** The key of the width in config.json. */
    private final String widthKey;
    /** What a value should be, for error messages. */
    private final String content;

    private ColumnDecoder(
            FeatureColumn feature,
            String column,
            FeatureType type,
            ElementType elementType,
            int ordinal,
            int width,
            String widthKey,
            String content) {
        this.feature = feature;
        this.column = column;
        this.type = type;
        this.elementType = elementType;
        this.ordinal = ordinal;
        this.width = width;
        this.widthKey = widthKey;
        this.content = content;
    }

    /**
     * A decoder of features or token ids.
     *
     * @param ordinal of the column in a row
     */
    static ColumnDecoder ofFeatures(FeatureColumn feature, DataType type, int ordinal) {
        FeatureType known = FeatureType.of(type).orElseThrow();
        int width = known.isIds() ? 1 : feature.modality().featureSize();
        return new ColumnDecoder(
                feature,
                feature.column(),
                known,
                feature.elementType(),
                ordinal,
                width,
                "feature_size",
                known.isIds() ? "token ids" : "a sequence of features");
    }

    /** A decoder of boxes; binary ones are float32. */
    static ColumnDecoder ofBoxes(FeatureColumn feature, DataType type, int ordinal) {
        FeatureType known = FeatureType.of(type).orElseThrow();
        return new ColumnDecoder(
                feature,
                feature.boxes(),
                known,
                ElementType.FLOAT32,
                ordinal,
                feature.modality().boxSize(),
                "box_size",
                "boxes");
    }

    String column() {
        return column;
    }

    boolean isNull(StoredRow row) {
        return row.isNullAt(ordinal);
    }

    /** Remembers this row: {@link #repeats} compares the next row with it. */
    void remember(StoredRow row) {
        row.remember(ordinal);
    }

    /** Whether the column has the same value as in the remembered row. */
    boolean repeats(StoredRow row) {
        return !isNull(row) && row.repeats(ordinal, type);
    }

    /** All tokens of a row, which may be none: a view, valid until the next row is read. Its numbers are not checked. */
    FeatureSequence stored(StoredRow row) throws UnfitValueException {
        if (isNull(row)) {
            throw unfit(Reason.NULL_SEQUENCE, null, "is null, expected " + content);
        }
        return type == FeatureType.BINARY ? binary(row) : arrays(row);
    }

    /** Refuses kept tokens that hold null, have another width or an unknown id. */
    void check(FeatureSequence stored, Kept kept) throws UnfitValueException {
        if (!(stored instanceof ArraySequence arrays)) {
            return;
        }
        StoredNumbers numbers = arrays.numbers();
        if (type.isNested()) {
            checkNested(numbers, kept);
        } else if (numbers.mayHoldNull()) {
            checkFlat(numbers, kept);
        }
        if (type.isIds()) {
            checkIds(numbers, kept);
        }
    }

    private FeatureSequence binary(StoredRow row) throws UnfitValueException {
        Bytes bytes = row.bytes(ordinal);
        int length = row.length(ordinal);
        String number = elementType.configName();
        String foreign = ForeignFormat.of(bytes, length).orElse(null);
        if (foreign != null) {
            throw unfit(
                    Reason.FOREIGN_BYTES,
                    null,
                    "begins as " + foreign + " does, expected " + number + " numbers without a header; store what"
                            + " NumPy's array.tobytes() gives");
        }
        int tokens = tokens(length, elementType.bytes(), "has " + length + " bytes", number);
        return new BinarySequence(bytes, elementType, tokens, width);
    }

    private FeatureSequence arrays(StoredRow row) throws UnfitValueException {
        StoredNumbers numbers = row.numbers(ordinal, type);
        int length = type.isNested() ? 0 : numbers.length(0);
        if (length == StoredNumbers.SPARSE) {
            throw sparse(0);
        }
        int tokens = type.isNested() ? numbers.arrays() : tokens(length, 1, "has length " + length, null);
        return new ArraySequence(numbers, type.isNested(), tokens, width);
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

    private void checkFlat(StoredNumbers numbers, Kept kept) throws UnfitValueException {
        int element = numbers.firstNull(0, 0);
        while (element >= 0) {
            int token = element / width;
            checkDropped(token, kept);
            element = numbers.firstNull(0, (token + 1) * width);
        }
    }

    /** Refuses an id of a kept token that is not in the model's vocabulary. */
    private void checkIds(StoredNumbers numbers, Kept kept) throws UnfitValueException {
        int words = feature.modality().vocabularySize();
        int stored = numbers.length(0);
        float[] ids = new float[stored];
        numbers.read(0, 0, stored, ids);
        for (int token = 0; token < stored; token++) {
            if (kept.holds(token) && (ids[token] < 0 || ids[token] >= words)) {
                throw unfit(
                        Reason.UNKNOWN_ID,
                        token,
                        String.format(
                                Locale.ROOT,
                                "holds id %.0f at token %d, expected 0 to %d (%d word embeddings of '%s' in the model)",
                                ids[token],
                                token,
                                words - 1,
                                words,
                                feature.modality().name()));
            }
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

    /** Refuses a kept token that contains null. */
    private void checkDropped(int token, Kept kept) throws UnfitValueException {
        if (kept.holds(token)) {
            throw unfit(
                    Reason.NULL_ELEMENT,
                    token,
                    "holds null at token " + token + ", expected " + (type.isIds() ? "an id" : "numbers"));
        }
    }

    private UnfitValueException sparse(int token) {
        return unfit(Reason.SPARSE_VECTOR, token, "holds a sparse vector at token " + token + ", expected a dense one");
    }

    UnfitValueException unfit(Reason reason, Integer token, String detail) {
        return new UnfitValueException(new Fault(reason, feature.modality().name(), column, token, detail));
    }

    private String source() {
        return widthKey + " of '" + feature.modality().name() + "' in config.json)";
    }
}
