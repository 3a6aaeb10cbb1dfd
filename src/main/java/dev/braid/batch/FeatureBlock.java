package dev.braid.batch;

import java.nio.FloatBuffer;

/**
 * The features of some tokens of one modality, [tokens, featureSize], dense, in packed order, on their way from the rows
 * into the encoder: few enough to stay in the processor's cache until they are projected.
 */
public final class FeatureBlock {
    private final int modality;
    private final PieceCopy features;
    /** Of each token its index in the packed order. */
    private final int[] packed;
    /** Of each token its place in the sequence as it was extracted. */
    private final int[] positions;

    private int tokens;
    /** Tokens of whole rows: what {@link #rollBack} leaves. */
    private int marked;

    /**
     * An empty block.
     *
     * @param modality index of the modality
     * @param features a buffer of {@code capacity x featureSize} floats
     * @param capacity the most tokens that it takes
     */
    public FeatureBlock(int modality, FloatBuffer features, int capacity) {
        this.modality = modality;
        this.features = new PieceCopy(features);
        this.packed = new int[capacity];
        this.positions = new int[capacity];
    }

    /** Index of the modality. */
    public int modality() {
        return modality;
    }

    /** How many tokens it holds. */
    public int tokens() {
        return tokens;
    }

    /** The index of a token in the packed order. */
    public int packed(int token) {
        return packed[token];
    }

    /** The original position of a token in its sequence. */
    public int position(int token) {
        return positions[token];
    }

    /** How many tokens it takes still. */
    int room() {
        return packed.length - tokens;
    }

    /**
     * Takes {@code count} tokens of a sequence from {@code first} on, which get the packed indices from {@code index} on.
     *
     * @return false if a value is NaN or infinite
     */
    boolean take(FeatureSequence sequence, int first, int count, int index) {
        for (int t = 0; t < count; t++) {
            packed[tokens + t] = index + t;
            positions[tokens + t] = sequence.position(first + t);
        }
        tokens += count;
        sequence.copyTo(features, first, count);
        return features.isFinite();
    }

    /** A row begins. */
    void mark() {
        marked = tokens;
        features.mark();
    }

    /** Drops the tokens of the row that began last, as far as they are still here. */
    void rollBack() {
        tokens = marked;
        features.rollBack();
    }

    void clear() {
        tokens = 0;
        marked = 0;
        features.clear();
    }
}
