package dev.braid.batch;

/**
 * The first tokens of a stored sequence: what a length or a limit keeps.
 *
 * @param stored the sequence
 * @param tokens how many of its tokens are kept, at least one
 * @param positions the sequence's length as it would have been extracted without what is cut off
 */
public record FirstTokens(FeatureSequence stored, int tokens, int positions) implements FeatureSequence {

    @Override
    public int position(int token) {
        return stored.position(token);
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        stored.copyTo(out, first, count);
    }
}
