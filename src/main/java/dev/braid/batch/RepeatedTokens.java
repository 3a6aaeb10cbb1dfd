package dev.braid.batch;

/**
 * A sequence that an earlier row of the batch has too: its tokens are projected once and then copied.
 *
 * @param row the earlier row, which has this sequence in the same modality
 * @param sequence the sequence, of which only the length and the positions are read
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
    public void copyTo(CheckedCopy out, int first, int count) {
        throw new IllegalStateException("the features of a repeated sequence are not packed");
    }
}
