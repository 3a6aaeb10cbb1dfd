package dev.braid.task;

import dev.braid.publish.Lengths;

/** Sums over the rows of a file. Used by one thread at a time. */
public final class Tally {
    private long rows;
    private long tokens;
    private long truncated;
    private int shortest = Integer.MAX_VALUE;
    private int longest;
    private long fingerprint;

    /** Counts a row that is handed out. */
    public void add(int rowTokens, boolean cut, long hash) {
        rows++;
        tokens += rowTokens;
        truncated += cut ? 1 : 0;
        shortest = Math.min(shortest, rowTokens);
        longest = Math.max(longest, rowTokens);
        fingerprint += hash;
    }

    public long rows() {
        return rows;
    }

    public long tokens() {
        return tokens;
    }

    long truncated() {
        return truncated;
    }

    /** Null if there are no rows. */
    public Lengths lengths() {
        return rows == 0 ? null : new Lengths(shortest, longest);
    }

    /** Sum of the rows' hashes: see {@code FusionProgress.fingerprint}. */
    public long fingerprint() {
        return fingerprint;
    }
}
