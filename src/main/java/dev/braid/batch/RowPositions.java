package dev.braid.batch;

import java.util.List;

/** Counts the positions of a row: learned tokens first, then each sequence with its masked tokens. */
public final class RowPositions {
    private RowPositions() {}

    /** How many positions a position table must have so that it covers the last kept token of this row. */
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
