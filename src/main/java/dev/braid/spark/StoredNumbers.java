package dev.braid.spark;

/**
 * The numbers of one feature value: an array of numbers, or an array of tokens that are arrays of numbers. A view of the
 * row that holds it. Nulls and lengths must be checked before numbers are read.
 */
abstract class StoredNumbers {
    /** The length of a token that is null. */
    static final int NULL = -1;
    /** The length of a sparse vector, which is not read. */
    static final int SPARSE = -2;

    /** Arrays of numbers: tokens where the value is nested, else 1. */
    abstract int arrays();

    /** Numbers in one array, or {@link #NULL}, or {@link #SPARSE}. */
    abstract int length(int array);

    /** Whether a number may be null; false is exact. */
    abstract boolean mayHoldNull();

    /** Index of the first null of an array from {@code from} on, or -1. */
    abstract int firstNull(int array, int from);

    /** Whether the numbers of these arrays, all of one length, follow each other, so that they can be read as one. */
    abstract boolean contiguous(int first, int count);

    /** Reads {@code count} numbers, from number {@code first} of an array on, into the first of {@code piece}, as floats. */
    abstract void read(int array, int first, int count, float[] piece);
}
