package dev.braid.batch;

import java.util.List;

/** Counts the positions of a row: learned tokens first, then each modality as it was extracted, tokens that are not kept too. */
public final class RowPositions {
    private RowPositions() {}

    /** How many positions a table must have for every kept token of a row to find its own. */
    public static long count(int learnedTokens, List<FeatureSequence> byModality) {
        long first = learnedTokens;
        long count = first;
        for (FeatureSequence sequence : byModality) {
            if (sequence.tokens() > 0) {
                count = first + sequence.position(sequence.tokens() - 1) + 1;
            }
            first += sequence.positions();
        }
        return count;
    }
}
