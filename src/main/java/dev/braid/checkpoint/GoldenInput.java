package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Arrays;

/** The features or token ids of one modality in a golden file, padded: P rows of up to S tokens, of which some are kept. */
public final class GoldenInput implements Serializable {
    private static final long serialVersionUID = 1L;

    private final boolean ids;
    private final int tokenSize;
    private final int longest;
    /** [P, S, token size], as {@link ModalityConfig#tokenSize} says. */
    private final float[] numbers;
    /** [P], the tokens of each row as they were extracted. */
    private final int[] lengths;
    /** Per row the indices of its kept tokens, rising. */
    private final int[][] kept;

    GoldenInput(boolean ids, int tokenSize, int longest, float[] numbers, int[] lengths, int[][] kept) {
        this.ids = ids;
        this.tokenSize = tokenSize;
        this.longest = longest;
        this.numbers = numbers;
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

    /** Whether its tokens are ids. */
    boolean isIds() {
        return ids;
    }

    /** The numbers of {@code count} stored tokens of a row, from token {@code first} on: [count, token size], a copy. */
    public float[] numbers(int row, int first, int count) {
        int start = (row * longest + first) * tokenSize;
        return Arrays.copyOfRange(numbers, start, start + count * tokenSize);
    }
}
