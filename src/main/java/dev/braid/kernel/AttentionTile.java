package dev.braid.kernel;

/**
 * The sizes of one step of attention: all heads of some queries of one row, or of several short rows of equal length, with
 * a few heads computed at a time. Lengths are rounded up so that rows of similar lengths share compiled products. They
 * depend only on the row, and so do its bits. The tensors follow each other in scratch memory: keys, values, queries,
 * context, scores of the heads that are computed at a time, and mask.
 *
 * @param rows the number of rows
 * @param queries per row, including unused padding
 * @param keys per row, including masked padding
 * @param heads H
 * @param headsAtOnce the heads computed at a time, a divisor of H
 * @param headSize D / H
 */
record AttentionTile(int rows, int queries, int keys, int heads, int headsAtOnce, int headSize) {
    /**
     * Rows with at most this many queries and keys are computed together, because for them a call costs more than its
     * product.
     */
    static final int SHORT = 16;

    /** How many short rows are computed together. */
    static final int GROUP = 8;

    /**
     * The largest number of queries in a tile with few keys; with many keys it falls to {@link #LEAST_QUERIES}. With fewer
     * queries per tile, the keys would be loaded into the cache too often.
     */
    private static final int MOST_QUERIES = 128;

    private static final int LEAST_QUERIES = 64;

    /** Scores that fit in the cache, in floats: 512 KiB. */
    private static final int CACHED_SCORES = 1 << 17;

    /** The smallest number of heads at once, even if the cache holds fewer; lowered to a divisor of H. */
    private static final int LEAST_HEADS = 4;

    /** Floats per cache line. Each tensor begins at a multiple of this. */
    private static final int LINE = 16;

    /** A tile for one row with this many queries and keys. */
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

    /** A tile for several such rows, which must be short. */
    AttentionTile times(int count) {
        return new AttentionTile(count, queries, keys, heads, headsAtOnce, headSize);
    }

    private static int mostQueries(int keys) {
        return Math.max(LEAST_QUERIES, Math.min(MOST_QUERIES, CACHED_SCORES / keys));
    }

    /**
     * A length rounded up to a size for which products are compiled: to 2, then to multiples of 4, above 32 to multiples of
     * 8 or of a sixteenth of the largest power of two up to the length, whichever is larger.
     */
    static int padded(int length) {
        if (length <= 2) {
            return 2;
        }
        int step = length <= 32 ? 4 : Math.max(8, Integer.highestOneBit(length) / 16);
        return (length + step - 1) / step * step;
    }

    /** The largest size of a tile in floats, for rows of up to {@code maxTokens} tokens. */
    static long mostFloats(int hiddenSize, int heads, int maxTokens) {
        long keys = padded(Math.max(maxTokens, GROUP * SHORT));
        long scores = LEAST_HEADS * Math.max(CACHED_SCORES, LEAST_QUERIES * keys);
        return 2 * (keys + MOST_QUERIES) * hiddenSize + Math.min(scores, keys * MOST_QUERIES * heads) + keys + 6 * LINE;
    }

    /** The number of different tiles for self-attention in rows of these lengths. */
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

    /** The position of the values; the keys begin at 0. */
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
