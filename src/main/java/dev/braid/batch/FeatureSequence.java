package dev.braid.batch;

/** The features of one modality in one row: a view of the stored values, used until the row is packed. */
public interface FeatureSequence {

    /** Length in tokens: at least one, unless the row lacks the modality ({@link NoTokens}). */
    int tokens();

    /** The position of a token in the sequence before masking: its row of a position table. */
    default int position(int token) {
        return token;
    }

    /** The length of the sequence before masking. The positions of the next modality in the row begin after it. */
    default int positions() {
        return tokens();
    }

    /**
     * Appends the features of {@code count} tokens, beginning with token {@code first}, to {@code out}: {@code count *
     * featureSize} floats.
     */
    void copyTo(CheckedCopy out, int first, int count);
}
