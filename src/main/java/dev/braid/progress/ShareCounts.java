package dev.braid.progress;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;

/**
 * A histogram of the shares of attention that one group of tokens received, one share per row. Used by one thread at a time.
 */
public final class ShareCounts implements Serializable {
    private static final long serialVersionUID = 1L;

    /** Buckets between 0 and 1, equally wide. */
    private static final int BUCKETS = 20;

    private final long[] counts = new long[BUCKETS];
    private long rows;
    private double sum;

    void add(float share) {
        counts[Math.max(0, Math.min((int) (share * BUCKETS), BUCKETS - 1))]++;
        rows++;
        sum += share;
    }

    void add(ShareCounts other) {
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            counts[bucket] += other.counts[bucket];
        }
        rows += other.rows;
        sum += other.sum;
    }

    /** The mean over the rows, 0 to 1; 0 without rows. */
    public double mean() {
        return rows == 0 ? 0 : sum / rows;
    }

    /** Rows per bucket; {@value #BUCKETS} buckets of equal width divide 0 to 1. */
    public List<Long> counts() {
        return Arrays.stream(counts).boxed().toList();
    }
}
