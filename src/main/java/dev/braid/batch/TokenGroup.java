package dev.braid.batch;

/**
 * A group of neighbouring tokens in each row of a stream: the tokens of one modality, or learned tokens, whose number
 * is the same in every row.
 *
 * @param modality index of the modality, or -1 for learned tokens
 * @param learned how many learned tokens, or 0 for a modality
 */
public record TokenGroup(int modality, int learned) {

    public static TokenGroup ofModality(int modality) {
        return new TokenGroup(modality, 0);
    }

    /** A number of learned tokens, at least one. */
    public static TokenGroup ofLearned(int tokens) {
        return new TokenGroup(-1, tokens);
    }

    public boolean isLearned() {
        return learned > 0;
    }
}
