package dev.braid.decode;

import dev.braid.rows.NumberType;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.SelectionColumn;
import java.io.Serializable;
import java.util.Optional;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;

/** Reads a modality's mask or length column, which says which of a row's stored tokens are kept. */
public final class TokenSelection implements Serializable {
    private static final long serialVersionUID = 1L;

    private final SelectionColumn selection;
    private final NumberType type;
    private final int ordinal;
    private final FeatureColumn feature;

    /**
     * A reader of the selection column of a feature column.
     *
     * @param type of the selection column, one that {@link #numberType} knows
     * @param ordinal of the selection column in a row
     */
    TokenSelection(FeatureColumn feature, DataType type, int ordinal) {
        this.selection = feature.selection();
        this.type = numberType(selection.kind(), type).orElseThrow();
        this.ordinal = ordinal;
        this.feature = feature;
    }

    /** The number type of a column of this kind; empty if such a column cannot have {@code type}. */
    public static Optional<NumberType> numberType(SelectionColumn.Kind kind, DataType type) {
        return switch (kind) {
            case MASK -> type instanceof ArrayType array ? NumberType.of(array.elementType()) : Optional.empty();
            case LENGTH -> NumberType.of(type).filter(NumberType::isInteger);
        };
    }

    /** The types that a column of this kind can have, for error messages. */
    public static String expected(SelectionColumn.Kind kind) {
        return switch (kind) {
            case MASK -> "an array of boolean, tinyint, smallint, int, bigint, float or double";
            case LENGTH -> "tinyint, smallint, int or bigint";
        };
    }

    /**
     * The kept tokens, at least one.
     *
     * @param stored the number of tokens in the row's sequence
     */
    Kept kept(InternalRow row, int stored) throws UnfitValueException {
        if (row.isNullAt(ordinal)) {
            throw unfit(null, "is null, expected a " + selection.kind().word());
        }
        return switch (selection.kind()) {
            case MASK -> masked(row.getArray(ordinal), stored);
            case LENGTH -> Kept.first(length(row, stored));
        };
    }

    private Kept masked(ArrayData mask, int stored) throws UnfitValueException {
        if (mask.numElements() != stored) {
            throw unfit(
                    null,
                    "has " + mask.numElements() + " entries, expected " + stored + " (tokens of '" + feature.column()
                            + "')");
        }
        int[] kept = new int[stored];
        int count = 0;
        for (int token = 0; token < stored; token++) {
            if (mask.isNullAt(token)) {
                throw unfit(token, "holds null at token " + token + ", expected 1 (keep) or 0 (drop)");
            }
            double value = type.read(mask, token);
            if (value == 1) {
                kept[count++] = token;
            } else if (value != 0) {
                throw unfit(
                        token,
                        "holds " + type.print(mask, token) + " at token " + token + ", expected 1 (keep) or 0 (drop)");
            }
        }
        if (count == 0) {
            throw noToken();
        }
        return Kept.of(kept, count);
    }

    private int length(InternalRow row, int stored) throws UnfitValueException {
        double length = type.read(row, ordinal);
        if (length < 0 || length > stored) {
            throw unfit(
                    null,
                    "is " + type.print(row, ordinal) + ", expected 1 to " + stored + " (tokens of '" + feature.column()
                            + "')");
        }
        if (length == 0) {
            throw noToken();
        }
        return (int) length;
    }

    private UnfitValueException noToken() {
        return unfit(Reason.EMPTY_MASK, null, "keeps no token, expected at least one");
    }

    private UnfitValueException unfit(Integer token, String detail) {
        return unfit(Reason.UNFIT_MASK, token, detail);
    }

    private UnfitValueException unfit(Reason reason, Integer token, String detail) {
        return new UnfitValueException(new Fault(reason, feature.modality().name(), selection.column(), token, detail));
    }
}
