package dev.braid.spark;

import dev.braid.batch.DecodedRow.Reason;

/** A value that keeps its row from being fused; {@link RowDecoder} adds the row's key. Without a stack trace. */
final class UnfitValueException extends Exception {
    private static final long serialVersionUID = 1L;

    private final Reason reason;

    /**
     * A value of one column.
     *
     * @param found how the message goes on behind the column's name
     */
    UnfitValueException(Reason reason, String column, String found) {
        super("column '" + column + "' " + found, null, false, false);
        this.reason = reason;
    }

    Reason reason() {
        return reason;
    }
}
