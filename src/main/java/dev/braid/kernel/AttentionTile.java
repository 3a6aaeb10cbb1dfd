package dev.braid.kernel;

/**
 * What attention computes with the same keys: all heads of some queries of one row, or of several short rows of equal length, a
 * few heads at a time. Lengths are rounded up, so that rows of similar lengths share compiled products; they depend on the row
 * alone, and so do its bits. The tensors lie one behind the other in scratch memory: keys, values, queries, context, scores of
 * the heads of one step, and mask.
 *
 * @param rows how many rows
 * @param queries of each row, some of them unused
 * @param keys of each row, some of them masked
 * @param heads H
 * @param headsAtOnce a divisor of H
 * @param headSize D / H
 */
record AttentionTile(int rows, int queries, int keys, int heads, int headsAtOnce, int headSize) {
    /** Rows of at most so many queries and keys are computed together: there a product costs less than its call. */
    static final int SHORT = 16;

    /** So many of them. */
    static final int GROUP = 8;

    /** The most queries of a tile of few keys, and of one of many: fewer would bring the keys into the cache too often. */
    private static final int MOST_QUERIES = 128;

    private static final int LEAST_QUERIES = 64;

    /** Floats of scores that stay in the cache, 512 KiB. */
    private static final int CACHED_SCORES = 1 << 17;

    /** Heads at once where the cache holds fewer; their number is lowered to a divisor of H. */
    private static final int LEAST_HEADS = 4;

    /** Floats of a cache line; each tensor begins at a multiple. */
    private static final int LINE = 16;

    /** Of one row of so many queries and keys. */
    static AttentionTile of(int queries, int keys, int heads, int headSize) {
        int paddedKeys = padded(keys);
        int paddedQueries = padded(queries);
        int most = mostQueries(paddedKeys);
        int parts = (paddedQueries + most - 1) / most;
        int height = (paddedQueries + parts - 1) / parts;
        int rows = Math.max(paddedQueries, paddedKeys) <= SHORT ? GROUP : 1;
        int headsAtOnce = Math.min(heads, Math.max(LEAST_HEADS, CACHED_SCORES / rows / height / paddedKeys));
        while (heads % headsAtOnce != 0) {
            headsAtOnce--;
        }
        return new AttentionTile(1, height, paddedKeys, heads, headsAtOnce, headSize);
    }

    /** Of several such rows, short ones. */
    AttentionTile times(int count) {
        return new AttentionTile(count, queries, keys, heads, headsAtOnce, headSize);
    }

    private static int mostQueries(int keys) {
        return Math.max(LEAST_QUERIES, Math.min(MOST_QUERIES, CACHED_SCORES / keys));
    }

    /**
     * A length rounded up: to 2, to a multiple of 4, from 32 on of 8, and of a sixteenth of the power of two below.
     */
    static int padded(int length) {
        if (length <= 2) {
            return 2;
        }
        int step = length <= 32 ? 4 : Math.max(8, Integer.highestOneBit(length) / 16);
        return (length + step - 1) / step * step;
    }

    /** The most floats of a tile, for rows of up to so many tokens. */
    static long mostFloats(int hiddenSize, int heads, int maxTokens) {
        long keys = padded(Math.max(maxTokens, GROUP * SHORT));
        long scores = LEAST_HEADS * Math.max(CACHED_SCORES, LEAST_QUERIES * keys);
        return 2 * (keys + MOST_QUERIES) * hiddenSize + Math.min(scores, keys * MOST_QUERIES * heads) + keys + 6 * LINE;
    }

    /** How many tiles there are for rows of these lengths that attend to themselves. */
    static int count(int shortest, int longest) {
        int count = 0;
        int length = padded(shortest);
        while (length < longest) {
            count += length <= SHORT ? 2 : 1;
            length = padded(length + 1);
        }
        return count + (length <= SHORT ? 2 : 1);
    }

    int hiddenSize() {
        return heads * headSize;
    }

    /** Where the values begin; the keys do at 0. */
    int value() {
        return aligned(rows * keys * hiddenSize());
    }

    int query() {
        return value() + aligned(rows * keys * hiddenSize());
    }

    int context() {
        return query() + aligned(rows * queries * hiddenSize());
    }

    int scores() {
        return context() + aligned(rows * queries * hiddenSize());
    }

    int mask() {
        return scores() + aligned(rows * headsAtOnce * queries * keys);
    }

    private static int aligned(int floats) {
        return (floats + LINE - 1) / LINE * LINE;
    }
}
