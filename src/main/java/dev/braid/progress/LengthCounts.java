package dev.braid.progress;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A histogram of tokens per row. Every length below {@value #EXACT} has its own bucket; above it, each doubling of the length
 * has {@value #PER_DOUBLING} buckets. Used by one thread at a time.
 */
public final class LengthCounts implements Serializable {
    private static final long serialVersionUID = 1L;

    private static final int EXACT = 64;
    private static final int PER_DOUBLING = 32;
    private static final int EXACT_BITS = 6;
    private static final int BUCKET_BITS = 5;

    /** As long as the highest used bucket requires. */
    private long[] counts = new long[0];

    private long rows;
    private long tokens;
    private int shortest = Integer.MAX_VALUE;
    private int longest;

    /**
     * Rows of similar length.
     *
     * @param from the fewest tokens of its rows
     * @param to the most tokens of its rows
     */
    public record Bucket(int from, int to, long rows) {}

    /** Counts a row. */
    void add(int rowTokens) {
        int bucket = bucket(rowTokens);
        if (bucket >= counts.length) {
            counts = Arrays.copyOf(counts, bucket + 1);
        }
        counts[bucket]++;
        rows++;
        tokens += rowTokens;
        shortest = Math.min(shortest, rowTokens);
        longest = Math.max(longest, rowTokens);
    }

    /** Adds the rows of another histogram. */
    void add(LengthCounts other) {
        if (other.counts.length > counts.length) {
            counts = Arrays.copyOf(counts, other.counts.length);
        }
        for (int bucket = 0; bucket < other.counts.length; bucket++) {
            counts[bucket] += other.counts[bucket];
        }
        rows += other.rows;
        tokens += other.tokens;
        shortest = Math.min(shortest, other.shortest);
        longest = Math.max(longest, other.longest);
    }

    /** The number of counted rows. */
    public long rows() {
        return rows;
    }

    /** Tokens of all counted rows. */
    public long tokens() {
        return tokens;
    }

    /** Tokens of the shortest row; 0 without rows. */
    public int shortest() {
        return rows == 0 ? 0 : shortest;
    }

    /** Tokens of the longest row; 0 without rows. */
    public int longest() {
        return longest;
    }

    /** The buckets of {@code first} to {@code last} tokens, empty ones included. All histograms have the same bucket limits. */
    public List<Bucket> buckets(int first, int last) {
        List<Bucket> buckets = new ArrayList<>();
        for (int bucket = bucket(first); bucket <= bucket(last); bucket++) {
            long found = bucket < counts.length ? counts[bucket] : 0;
            buckets.add(new Bucket((int) from(bucket), (int) (from(bucket + 1) - 1), found));
        }
        return buckets;
    }

    /** Rows with at most {@code most} tokens. The rows of a bucket are assumed to be spread evenly. */
    public long upTo(int most) {
        double found = 0;
        for (Bucket bucket : buckets(0, Math.max(0, most))) {
            double width = (double) bucket.to() - bucket.from() + 1;
            found += bucket.rows() * Math.min(1, Math.max(0, (double) most - bucket.from() + 1) / width);
        }
        return Math.round(found);
    }

    /**
     * The tokens that this share of the rows (0 to 1) does not exceed; 0 without rows. Exact below {@value #EXACT}, otherwise
     * at most 3 % too many.
     */
    public int quantile(double share) {
        long before = 0;
        for (Bucket bucket : buckets(shortest(), longest)) {
            before += bucket.rows();
            if (before >= share * rows) {
                return Math.min(bucket.to(), longest);
            }
        }
        return longest;
    }

    private static int bucket(int tokens) {
        if (tokens < EXACT) {
            return tokens;
        }
        int exponent = 31 - Integer.numberOfLeadingZeros(tokens);
        int step = (tokens >> (exponent - BUCKET_BITS)) & (PER_DOUBLING - 1);
        return EXACT + (exponent - EXACT_BITS) * PER_DOUBLING + step;
    }

    /** The fewest tokens of a bucket. */
    private static long from(int bucket) {
        if (bucket < EXACT) {
            return bucket;
        }
        int exponent = EXACT_BITS + (bucket - EXACT) / PER_DOUBLING;
        int step = (bucket - EXACT) % PER_DOUBLING;
        return (long) (PER_DOUBLING + step) << (exponent - BUCKET_BITS);
    }
}
