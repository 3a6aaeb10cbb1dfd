package dev.braid.kernel;

/**
 * The sizes of one step of attention: all heads of some queries of one row, or of several short rows of equal length,
 * with a few heads computed at a time. Lengths are rounded up so that rows of similar lengths share compiled products.
 * The lengths and {@code headsAtOnce} follow from the row's own length, so a row's result has the same bits in every
 * batch.
 *
 * <p>Scratch memory holds one tensor after another: keys, values, queries, context, the scores of {@code headsAtOnce}
 * heads, mask, and with bfloat16 operands the rounded softmax (with float32, the softmax overwrites the scores). Scores
 * and mask are float32, the others have the operands' type.
 *
 * @param rows the number of rows
 * @param queries per row, including unused padding
 * @param keys per row, including masked padding
 * @param heads H
 * @param headsAtOnce the heads computed at a time, a divisor of H
 * @param headSize D / H
 * @param bfloat16 whether the operands are bfloat16 instead of float32
 */
record AttentionTile(int rows, int queries, int keys, int heads, int headsAtOnce, int headSize, boolean bfloat16) {
    /**
     * Rows with at most this many queries and keys are computed in groups, because one call costs more time than so
     * small a product.
     */
    static final int SHORT = 16;

    /** How many short rows are computed together. */
    static final int GROUP = 8;

    /**
     * The largest number of queries in a tile with few keys. With many keys the limit falls, but not below {@link
     * #LEAST_QUERIES}: with fewer queries per tile, the keys would be loaded into the cache too often.
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
    static AttentionTile of(int queries, int keys, int heads, int headSize, boolean bfloat16) {
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
        return new AttentionTile(1, height, paddedKeys, heads, headsAtOnce, headSize, bfloat16);
    }

    /** The same tile for {@code count} rows; more than one only if they are {@link #SHORT}. */
    AttentionTile times(int count) {
        return new AttentionTile(count, queries, keys, heads, headsAtOnce, headSize, bfloat16);
    }

    private static int mostQueries(int keys) {
        return Math.max(LEAST_QUERIES, Math.min(MOST_QUERIES, CACHED_SCORES / keys));
    }

    /**
     * A length rounded up to a size for which products are compiled: to 2, then to multiples of 4, above 32 to
     * multiples of 8 or of a sixteenth of the largest power of two up to the length, whichever is larger.
     */
    static int padded(int length) {
        if (length <= 2) {
            return 2;
        }
        int step = length <= 32 ? 4 : Math.max(8, Integer.highestOneBit(length) / 16);
        return (length + step - 1) / step * step;
    }

    /** The largest size of a tile in floats, for rows of up to {@code maxTokens} tokens and operands of either type. */
    static long mostFloats(int hiddenSize, int heads, int maxTokens) {
        long keys = padded(Math.max(maxTokens, GROUP * SHORT));
        long operands = 2 * (keys + MOST_QUERIES) * hiddenSize;
        long scores =
                Math.min(LEAST_HEADS * Math.max(CACHED_SCORES, LEAST_QUERIES * keys), keys * MOST_QUERIES * heads);
        return Math.max(operands + scores, (operands + 3 * scores) / 2) + keys + 7 * LINE;
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

    /** The byte at which the values begin. The keys begin at byte 0; the methods below give the other tensors. */
    int value() {
        return operand(rows * keys * hiddenSize());
    }

    int query() {
        return value() + operand(rows * keys * hiddenSize());
    }

    int context() {
        return query() + operand(rows * queries * hiddenSize());
    }

    int scores() {
        return context() + operand(rows * queries * hiddenSize());
    }

    int mask() {
        return scores() + aligned(rows * headsAtOnce * queries * keys * Float.BYTES);
    }

    int softmax() {
        return bfloat16 ? mask() + aligned(keys * Float.BYTES) : scores();
    }

    /** Bytes of one element of the operands. */
    int elementBytes() {
        return bfloat16 ? Short.BYTES : Float.BYTES;
    }

    private int operand(int elements) {
        return aligned(elements * elementBytes());
    }

    private static int aligned(int bytes) {
        int line = LINE * Float.BYTES;
        return (bytes + line - 1) / line * line;
    }
}
