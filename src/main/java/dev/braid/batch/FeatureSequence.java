package dev.braid.batch;

/** The features of one modality of one row: a view of where they are stored, until they are packed. */
public interface FeatureSequence {

    /** Length in tokens: at least one, unless the row lacks the modality ({@link NoTokens}). */
    int tokens();

    /** Where token {@code token} stood in the sequence as it was extracted: its row of a position table. */
    default int position(int token) {
        return token;
    }

    /** How many tokens the sequence had as it was extracted, masked ones too: the positions before the next modality's. */
    default int positions() {
        return tokens();
    }

    /** Puts {@code count * featureSize} floats to {@code out}, the tokens from {@code first} on, token after token. */
    void copyTo(PieceCopy out, int first, int count);
}
