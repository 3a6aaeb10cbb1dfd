package dev.braid.decode;

/**
 * The reason why a row cannot be fused, and where in the row it was found.
 *
 * @param modality the modality at fault; null if it is not a single one
 * @param column the column at fault; null if it is the row as a whole
 * @param token the index of the stored token at fault; null if it is not a single one
 * @param detail what was expected and what was found, worded to follow the column's name: {@code has width 2, expected 3
 *     (...)}; contains no features and no key
 */
public record Fault(Reason reason, String modality, String column, Integer token, String detail) {

    /** A fault of a row as a whole. */
    public static Fault ofRow(Reason reason, String detail) {
        return new Fault(reason, null, null, null, detail);
    }

    @Override
    public String toString() {
        return column == null ? detail : "column '" + column + "' " + detail;
    }
}
