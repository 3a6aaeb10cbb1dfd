package dev.braid.batch;

/**
 * The first tokens of a stored sequence, up to the row's length or a limit.
 *
 * @param stored the sequence
 * @param tokens how many of its tokens are kept, at least one
 * @param positions the length of the sequence before masking, without the part that is cut off
 */
public record FirstTokens(FeatureSequence stored, int tokens, int positions) implements FeatureSequence {

    @Override
    public int position(int token) {
        return stored.position(token);
    }

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        stored.copyTo(out, first, count);
    }
}
