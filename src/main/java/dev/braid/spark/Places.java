package dev.braid.spark;

/**
 * Where rows of a scan are, as {@code monotonically_increasing_id} encodes it: the partition of the scan, which is a split,
 * and the row's number in it. A scan of fewer columns has the same places.
 */
final class Places {
    static final int NUMBER_BITS = 33;

    private Places() {}

    static int split(long place) {
        return (int) (place >>> NUMBER_BITS);
    }

    static long number(long place) {
        return place & (1L << NUMBER_BITS) - 1;
    }
}
