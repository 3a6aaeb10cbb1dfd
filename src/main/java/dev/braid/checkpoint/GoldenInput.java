package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Arrays;

/** The features of one modality in a golden file, padded: P rows of up to S tokens, of which some are kept. */
public final class GoldenInput implements Serializable {
    private static final long serialVersionUID = 1L;

    private final int featureSize;
    private final int longest;
    /** [P, S, feature size]. */
    private final float[] features;
    /** [P], the tokens of each row as they were extracted. */
    private final int[] lengths;
    /** Per row the indices of its kept tokens, rising. */
    private final int[][] kept;

    GoldenInput(int featureSize, int longest, float[] features, int[] lengths, int[][] kept) {
        this.featureSize = featureSize;
        this.longest = longest;
        this.features = features;
        this.lengths = lengths;
        this.kept = kept;
    }

    /** P. */
    public int rows() {
        return kept.length;
    }

    /** A row's tokens as they were extracted, masked ones too. */
    public int tokens(int row) {
        return lengths[row];
    }

    /** The indices of a row's kept tokens, rising. */
    public int[] kept(int row) {
        return kept[row].clone();
    }

    /** The features of {@code count} stored tokens of a row, from token {@code first} on: [count, featureSize], a copy. */
    public float[] features(int row, int first, int count) {
        int start = (row * longest + first) * featureSize;
        return Arrays.copyOfRange(features, start, start + count * featureSize);
    }
}
