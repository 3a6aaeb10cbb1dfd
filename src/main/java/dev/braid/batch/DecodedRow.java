package dev.braid.batch;

import java.util.List;

/** What decoding one row of a feature table yields: sequences, or the reason why the row cannot be fused. */
public sealed interface DecodedRow {

    /**
     * The row's features.
     *
     * @param byModality one sequence per modality, in the model's order
     * @param truncated whether one of them was cut to the positions that the model has
     */
    record Sequences(List<FeatureSequence> byModality, boolean truncated) implements DecodedRow {

        /** The tokens of all modalities together; an int, as a row longer than the budget is rejected before. */
        public int tokens() {
            int sum = 0;
            for (FeatureSequence sequence : byModality) {
                sum += sequence.tokens();
            }
            return sum;
        }
    }

    /** A row that cannot be fused; {@code message} names the row's key, the column, what was expected and what was found. */
    record Rejected(Reason reason, String message) implements DecodedRow {}

    /** Why a row cannot be fused. */
    enum Reason {
        NULL_KEY,
        NULL_SEQUENCE,
        EMPTY_SEQUENCE,
        NULL_VALUE,
        WRONG_WIDTH,
        NOT_FINITE,
        /** Bytes that begin as a file of another kind does. */
        FOREIGN_BYTES,
        /** A mask or a length that does not fit its sequence. */
        BAD_SELECTION,
        NO_TOKEN_KEPT,
        /** The token that the pooling reads is masked. */
        POOLED_TOKEN_DROPPED,
        TOO_LONG,
        /** The model's result holds NaN or infinity. */
        RESULT_NOT_FINITE
    }
}
