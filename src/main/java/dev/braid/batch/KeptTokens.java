package dev.braid.batch;

/** Some tokens of a stored sequence, in its order, each at the position that it had: what a mask or a limit leaves. */
public final class KeptTokens implements FeatureSequence {
    private final FeatureSequence stored;
    private final int[] kept;
    private final int tokens;

    /**
     * A view of {@code tokens} tokens.
     *
     * @param kept indices of stored tokens, rising; the first {@code tokens} of them count. Not copied
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

    /** Neighbours in the stored sequence are copied in one piece. */
    @Override
    public void copyTo(PieceCopy out, int first, int count) {
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
