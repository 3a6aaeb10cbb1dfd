package dev.braid.decode;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.rows.StoredNumbers;

/**
 * A sequence stored as arrays.
 *
 * @param numbers the stored numbers, already checked: no kept token has a null or another width
 * @param nested whether each token is an array of its own
 * @param tokens the number of tokens, at least one
 * @param width numbers per token
 */
record ArraySequence(StoredNumbers numbers, boolean nested, int tokens, int width) implements FeatureSequence {

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        if (!nested) {
            out.put((from, length, piece) -> numbers.read(0, from, length, piece), first * width, count * width);
        } else if (numbers.contiguous(first, count)) {
            out.put((from, length, piece) -> numbers.read(first, from, length, piece), 0, count * width);
        } else {
            for (int t = first; t < first + count; t++) {
                int token = t;
                out.put((from, length, piece) -> numbers.read(token, from, length, piece), 0, width);
            }
        }
    }
}
