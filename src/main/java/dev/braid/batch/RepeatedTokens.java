package dev.braid.batch;

/**
 * A sequence that another row of the batch has already: its tokens are projected once, and copied.
 *
 * @param row of the batch, whose sequence of the same modality this is
 * @param tokens its length in tokens
 */
public record RepeatedTokens(int row, int tokens) implements FeatureSequence {

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        throw new IllegalStateException("the features of a repeated sequence are not packed");
    }
}
