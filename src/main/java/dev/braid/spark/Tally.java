package dev.braid.spark;

import dev.braid.publish.Lengths;

/** Sums over the rows of a file. Used by one thread at a time. */
final class Tally {
    private long rows;
    private long tokens;
    private long truncated;
    private int shortest = Integer.MAX_VALUE;
    private int longest;
    private long fingerprint;

    /** Counts a row that is handed out. */
    void add(int rowTokens, boolean cut, long hash) {
        rows++;
        tokens += rowTokens;
        truncated += cut ? 1 : 0;
        shortest = Math.min(shortest, rowTokens);
        longest = Math.max(longest, rowTokens);
        fingerprint += hash;
    }

    long rows() {
        return rows;
    }

    long tokens() {
        return tokens;
    }

    long truncated() {
        return truncated;
    }

    /** Null if there are no rows. */
    Lengths lengths() {
        return rows == 0 ? null : new Lengths(shortest, longest);
    }

    /** Sum of the rows' hashes: see {@code FusionProgress.fingerprint}. */
    long fingerprint() {
        return fingerprint;
    }
}
