package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Arrays;

/** The features or token ids of one modality in a golden file: P rows, padded to S tokens, of which some are masked. */
public final class GoldenInput implements Serializable {
    private static final long serialVersionUID = 1L;

    private final boolean ids;
    private final int tokenSize;
    private final int longest;
    /** [P, S, token size], as {@link ModalityConfig#tokenSize} says. */
    private final float[] numbers;
    /** [P], the number of tokens of each row, masked ones included. */
    private final int[] lengths;
    /** The indices of the kept tokens of each row, ascending. */
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

    /** The number of tokens of a row, masked ones included. */
    public int tokens(int row) {
        return lengths[row];
    }

    /** The indices of a row's kept tokens, ascending. */
    public int[] kept(int row) {
        return kept[row].clone();
    }

    /** Whether the tokens are ids instead of features. */
    boolean isIds() {
        return ids;
    }

    /**
     * The numbers of {@code count} stored tokens of a row, from token {@code first} on: [count, token size], a copy.
     */
    public float[] numbers(int row, int first, int count) {
        int start = (row * longest + first) * tokenSize;
        return Arrays.copyOfRange(numbers, start, start + count * tokenSize);
    }
}
