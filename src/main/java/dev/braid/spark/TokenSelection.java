package dev.braid.spark;

import dev.braid.batch.DecodedRow.Reason;
import java.io.Serializable;
import java.util.Optional;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;

/** Reads a modality's mask or length column: which of a row's stored tokens are kept. */
final class TokenSelection implements Serializable {
    private static final long serialVersionUID = 1L;

    private final SelectionColumn selection;
    private final NumberType type;
    private final int ordinal;
    private final String features;

    /**
     * A reader of one column.
     *
     * @param type of the column, one that {@link #numberType} knows
     * @param ordinal where the column stands in a row
     * @param features the name of the feature column that it selects from
     */
    TokenSelection(SelectionColumn selection, DataType type, int ordinal, String features) {
        this.selection = selection;
        this.type = numberType(selection.kind(), type).orElseThrow();
        this.ordinal = ordinal;
        this.features = features;
    }

    /** The numbers in a column of that kind; empty if {@code type} is not one that it can have. */
    static Optional<NumberType> numberType(SelectionColumn.Kind kind, DataType type) {
        return switch (kind) {
            case MASK -> type instanceof ArrayType array ? NumberType.of(array.elementType()) : Optional.empty();
            case LENGTH -> NumberType.of(type).filter(NumberType::isInteger);
        };
    }

    /** What an error message says of the types that a column of that kind can have. */
    static String expected(SelectionColumn.Kind kind) {
        return switch (kind) {
            case MASK -> "an array of boolean, tinyint, smallint, int, bigint, float or double";
            case LENGTH -> "tinyint, smallint, int or bigint";
        };
    }

    /**
     * The kept tokens, at least one.
     *
     * @param stored tokens of the row's sequence
     */
    Kept kept(InternalRow row, int stored) throws UnfitValueException {
        if (row.isNullAt(ordinal)) {
            throw unfit("is null, expected a " + selection.kind().word());
        }
        return switch (selection.kind()) {
            case MASK -> masked(row.getArray(ordinal), stored);
            case LENGTH -> Kept.first(length(row, stored));
        };
    }

    private Kept masked(ArrayData mask, int stored) throws UnfitValueException {
        if (mask.numElements() != stored) {
            throw unfit(
                    "has " + mask.numElements() + " entries, expected " + stored + " (tokens of '" + features + "')");
        }
        int[] kept = new int[stored];
        int count = 0;
        for (int token = 0; token < stored; token++) {
            if (mask.isNullAt(token)) {
                throw unfit("holds null at token " + token + ", expected 1 (keep) or 0 (drop)");
            }
            double value = type.read(mask, token);
            if (value == 1) {
                kept[count++] = token;
            } else if (value != 0) {
                throw unfit(
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
                    "is " + type.print(row, ordinal) + ", expected 1 to " + stored + " (tokens of '" + features + "')");
        }
        if (length == 0) {
            throw noToken();
        }
        return (int) length;
    }

    private UnfitValueException noToken() {
        return new UnfitValueException(
                Reason.NO_TOKEN_KEPT, selection.column(), "keeps no token, expected at least one");
    }

    private UnfitValueException unfit(String found) {
        return new UnfitValueException(Reason.BAD_SELECTION, selection.column(), found);
    }
}
