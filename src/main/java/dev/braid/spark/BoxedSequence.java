package dev.braid.spark;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.PieceCopy;

/**
 * Tokens of features that are followed by a box each.
 *
 * @param features as many tokens as {@code boxes}
 */
record BoxedSequence(FeatureSequence features, FeatureSequence boxes) implements FeatureSequence {

    @Override
    public int tokens() {
        return features.tokens();
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        for (int token = first; token < first + count; token++) {
            features.copyTo(out, token, 1);
            boxes.copyTo(out, token, 1);
        }
    }
}
