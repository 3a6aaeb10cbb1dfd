package dev.braid.decode;

import java.util.Locale;

/**
 * Why a row cannot be fused. The names are stable: a later version may add reasons, and never renames one or gives it
 * another meaning.
 */
public enum Reason {
    /** The key is null. */
    NULL_KEY,
    /** The key occurs more than once in a table. All of its rows are bad, because nothing says which one is right. */
    DUPLICATE_KEY,
    /** A pair refers to an id that occurs more than once in its feature table, and nothing says which row is right. */
    DUPLICATE_ID,
    /**
     * A table of a join lacks the row's key, or a feature table lacks the id that a pair refers to. If rows are fused from
     * the rest: the row has no modality, or lacks one that the model's layers or its pooling need.
     */
    MISSING_MODALITY,
    /** The features of a modality are null. */
    NULL_SEQUENCE,
    /** The features of a modality hold no token. */
    EMPTY_SEQUENCE,
    /** A token or a flat value does not have the model's feature size. */
    WRONG_WIDTH,
    /** A Spark ML vector is sparse; features are dense. */
    SPARSE_VECTOR,
    /** A token that is kept, or one of its numbers, is null. */
    NULL_ELEMENT,
    /** The id of a kept token is not in the model's vocabulary. */
    UNKNOWN_ID,
    /** A number of a token that is kept is NaN or infinite, or too large for float32. */
    NON_FINITE_VALUE,
    /** The features are finite, but the model's result has a number that the output column cannot hold, such as NaN. */
    NON_FINITE_RESULT,
    /** The number of boxes differs from the number of tokens. */
    UNFIT_BOXES,
    /** A mask or a length is null, or does not fit its sequence: wrong number of entries, or not 0 or 1. */
    UNFIT_MASK,
    /** A mask or a length keeps no token. */
    EMPTY_MASK,
    /** A mask drops the token that the pooling reads. */
    POOLED_TOKEN_DROPPED,
    /** The row has more tokens than the budget, or a sequence more than the model has positions. */
    TOO_LONG,
    /** The bytes of a binary value begin like a file of another format: .npy, pickle or zip. */
    FOREIGN_BYTES;

    private final String reasonName = name().toLowerCase(Locale.ROOT);

    /** The name in the quarantine and in reports, such as {@code null_key}. */
    public String reasonName() {
        return reasonName;
    }
}
