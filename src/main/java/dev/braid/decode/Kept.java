package dev.braid.decode;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.FirstTokens;
import dev.braid.batch.KeptTokens;
import java.util.Arrays;

/** Which of a row's stored tokens are kept; at least one. */
final class Kept {
    /** Ascending indices, of which only the first {@link #count} are used; null if they are 0, 1, 2 and so on. */
    private final int[] tokens;

    private final int count;

    private Kept(int[] tokens, int count) {
        this.tokens = tokens;
        this.count = count;
    }

    /** The first {@code count} tokens. */
    static Kept first(int count) {
        return new Kept(null, count);
    }

    /** The tokens with these ascending indices, of which the first {@code count} matter. The array is not copied. */
    static Kept of(int[] tokens, int count) {
        return new Kept(tokens, count);
    }

    boolean holds(int token) {
        return tokens == null ? token < count : Arrays.binarySearch(tokens, 0, count, token) >= 0;
    }

    /** The kept tokens of a sequence. */
    FeatureSequence view(FeatureSequence sequence) {
        if (count == sequence.tokens()) {
            return sequence;
        }
        return tokens == null ? new FirstTokens(sequence, count, count) : new KeptTokens(sequence, tokens, count);
    }
}
