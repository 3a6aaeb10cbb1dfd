package dev.braid.decode;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;

/**
 * Tokens that consist of features and a box: the numbers of each token's features, then those of its box.
 *
 * @param features as many tokens as {@code boxes}
 */
record BoxedSequence(FeatureSequence features, FeatureSequence boxes) implements FeatureSequence {

    @Override
    public int tokens() {
        return features.tokens();
    }

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        for (int token = first; token < first + count; token++) {
            features.copyTo(out, token, 1);
            boxes.copyTo(out, token, 1);
        }
    }
}
