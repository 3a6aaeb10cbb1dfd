package dev.braid.batch;

/** The tokens of a stored sequence that a mask keeps, in order, each at its original position. */
public final class KeptTokens implements FeatureSequence {
    private final FeatureSequence stored;
    private final int[] kept;
    private final int tokens;

    /**
     * A view of {@code tokens} tokens.
     *
     * @param kept ascending indices of stored tokens, of which the first {@code tokens} are used; not copied
     */
    public KeptTokens(FeatureSequence stored, int[] kept, int tokens) {
        this.stored = stored;
        this.kept = kept;
        this.tokens = tokens;
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public int position(int token) {
        return stored.position(kept[token]);
    }

    @Override
    public int positions() {
        return stored.positions();
    }

    /** Copies each run of consecutive tokens with one call. */
    @Override
    public void copyTo(CheckedCopy out, int first, int count) {
        int token = first;
        while (token < first + count) {
            int run = 1;
            while (token + run < first + count && kept[token + run] == kept[token] + run) {
                run++;
            }
            stored.copyTo(out, kept[token], run);
            token += run;
        }
    }
}
