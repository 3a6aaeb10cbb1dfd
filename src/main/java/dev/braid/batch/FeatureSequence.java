package dev.braid.batch;

import java.nio.FloatBuffer;

/** The features of one modality of one row: a view of where they are stored, until they are packed. */
public interface FeatureSequence {

    /** Length in tokens, at least one. */
    int tokens();

    /** Where token {@code token} stood in the sequence as it was extracted: its row of a position table. */
    default int position(int token) {
        return token;
    }

    /**
     * Puts {@code count * featureSize} floats at {@code out}'s position, the tokens from {@code first} on, token after
     * token.
     *
     * @return false if a value is NaN or infinite
     */
    boolean copyTo(FloatBuffer out, int first, int count);
}
