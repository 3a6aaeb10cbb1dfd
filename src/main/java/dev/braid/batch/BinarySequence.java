package dev.braid.batch;

/** A sequence stored as bytes: {@code tokens x featureSize} little-endian numbers, row-major. */
public final class BinarySequence implements FeatureSequence {
    private final byte[] bytes;
    private final ElementType type;
    private final int tokens;

    /**
     * A view of one stored value.
     *
     * @param bytes the stored value; not copied, and not changed while this sequence is in use
     * @param tokens its length in tokens: {@code bytes.length / (featureSize x type.bytes())}
     */
    public BinarySequence(byte[] bytes, ElementType type, int tokens) {
        this.bytes = bytes;
        this.type = type;
        this.tokens = tokens;
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        int width = bytes.length / tokens / type.bytes();
        out.put((from, length, piece) -> type.read(bytes, from, length, piece), first * width, count * width);
    }
}
