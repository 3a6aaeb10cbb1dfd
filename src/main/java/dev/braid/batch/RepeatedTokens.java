package dev.braid.batch;

/**
 * A sequence that another row of the batch has already: its tokens are projected once, and copied.
 *
 * @param row of the batch, whose sequence of the same modality this is
 * @param sequence the sequence itself, of which only length and positions matter
 */
public record RepeatedTokens(int row, FeatureSequence sequence) implements FeatureSequence {

    @Override
    public int tokens() {
        return sequence.tokens();
    }

    @Override
    public int position(int token) {
        return sequence.position(token);
    }

    @Override
    public int positions() {
        return sequence.positions();
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        throw new IllegalStateException("the features of a repeated sequence are not packed");
    }
}
