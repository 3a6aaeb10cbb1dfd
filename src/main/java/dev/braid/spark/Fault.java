package dev.braid.spark;

/**
 * What keeps a row from being fused.
 *
 * @param modality whose value it is; null if it is none's alone
 * @param column the column that holds it; null if it is the row as a whole
 * @param token the stored token that it is found at; null if it is no token's alone
 * @param detail what was expected and what was found, in the words that follow the column's name: {@code has width 2,
 *     expected 3 (...)}; no feature and no key is in it
 */
record Fault(Reason reason, String modality, String column, Integer token, String detail) {

    /** A fault of a row as a whole. */
    static Fault ofRow(Reason reason, String detail) {
        return new Fault(reason, null, null, null, detail);
    }

    @Override
    public String toString() {
        return column == null ? detail : "column '" + column + "' " + detail;
    }
}
