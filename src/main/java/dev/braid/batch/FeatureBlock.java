package dev.braid.batch;

import java.nio.FloatBuffer;

/**
 * The features of some tokens of one modality, [tokens, featureSize], dense and in packed order, on their way from the
 * rows to the projection. A block is small enough to stay in the processor's cache until it is projected.
 */
public final class FeatureBlock {
    private final int modality;
    private final CheckedCopy features;
    /** The index of each token in the packed order. */
    private final int[] packed;
    /** The position of each token in its sequence before masking. */
    private final int[] positions;

    private int tokens;
    /** How many tokens belong to complete rows. {@link #rollBack} drops the tokens after them. */
    private int marked;

    /**
     * An empty block.
     *
     * @param modality index of the modality
     * @param features a buffer of {@code capacity x featureSize} floats
     * @param capacity the largest number of tokens
     */
    public FeatureBlock(int modality, FloatBuffer features, int capacity) {
        this.modality = modality;
        this.features = new CheckedCopy(features);
        this.packed = new int[capacity];
        this.positions = new int[capacity];
    }

    /** Index of the modality. */
    public int modality() {
        return modality;
    }

    /** The number of tokens in the block. */
    public int tokens() {
        return tokens;
    }

    /** The index of a token in the packed order. */
    public int packed(int token) {
        return packed[token];
    }

    /** The position of a token in its sequence before masking. */
    public int position(int token) {
        return positions[token];
    }

    /** How many more tokens fit. */
    int room() {
        return packed.length - tokens;
    }

    /**
     * Copies {@code count} tokens of a sequence, beginning with token {@code first}. Their indices in the packed order
     * begin with {@code index}.
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

    /** Notes that a new row begins here. */
    void mark() {
        marked = tokens;
        features.mark();
    }

    /** Drops those tokens of the newest row that are still in the block. */
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
