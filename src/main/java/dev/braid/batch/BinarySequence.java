package dev.braid.batch;

/**
 * A sequence stored as bytes: {@code tokens x width} little-endian numbers, row-major.
 *
 * @param bytes a view of the stored value, which does not change while the sequence is in use
 * @param type how a number is stored
 * @param tokens length in tokens, at least one
 * @param width numbers of one token
 */
public record BinarySequence(Bytes bytes, ElementType type, int tokens, int width) implements FeatureSequence {

    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        out.put(bytes, type, first * width, count * width);
    }
}
