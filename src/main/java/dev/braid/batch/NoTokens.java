package dev.braid.batch;

/** The sequence of a modality that a row lacks. */
public enum NoTokens implements FeatureSequence {
    INSTANCE;

    @Override
    public int tokens() {
        return 0;
    }

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        if (count != 0) {
            throw new IndexOutOfBoundsException(first);
        }
    }
}
