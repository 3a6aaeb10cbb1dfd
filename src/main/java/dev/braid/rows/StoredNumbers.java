package dev.braid.rows;

import java.util.Arrays;

/**
 * The numbers of one feature value: an array of numbers, or an array of tokens that are arrays of numbers. A view of the
 * row that holds it, in one of the two forms that {@link SparkRows} reads. Nulls and lengths must be checked before numbers
 * are read.
 */
public abstract class StoredNumbers {
    /** The length of a token that is null. */
    public static final int NULL = -1;
    /** The length of a sparse vector, which is not read. */
    public static final int SPARSE = -2;
    /** How many numbers are compared first: values that differ mostly differ at the beginning. */
    private static final int FIRST = 16;
    /** How many numbers are compared at a time after that. */
    private static final int PIECE = 512;

    /** The number of arrays: one per token if the value is nested, otherwise 1. */
    public abstract int arrays();

    /** The number of numbers in an array, or {@link #NULL}, or {@link #SPARSE}. */
    public abstract int length(int array);

    /** Whether a number may be null; if false, none is. */
    public abstract boolean mayHoldNull();

    /** Index of the first null of an array from {@code from} on, or -1. */
    public abstract int firstNull(int array, int from);

    /** Whether these arrays, all of one length, are adjacent in memory, so that their numbers can be read as one array. */
    public abstract boolean contiguous(int first, int count);

    /** Reads {@code count} numbers of an array, beginning with number {@code first}, into {@code piece}, as floats. */
    public abstract void read(int array, int first, int count, float[] piece);

    /** Whether both hold the same numbers, as floats. False if a number of either may be null. */
    boolean same(StoredNumbers other) {
        if (arrays() != other.arrays() || mayHoldNull() || other.mayHoldNull()) {
            return false;
        }
        float[] own = new float[FIRST];
        float[] others = new float[FIRST];
        for (int array = 0; array < arrays(); array++) {
            int length = length(array);
            if (length < 0 || length != other.length(array)) {
                return false;
            }
            for (int first = 0; first < length; ) {
                int count = Math.min(own.length, length - first);
                read(array, first, count, own);
                other.read(array, first, count, others);
                if (!Arrays.equals(own, 0, count, others, 0, count)) {
                    return false;
                }
                first += count;
                own = own.length == PIECE ? own : new float[PIECE];
                others = others.length == PIECE ? others : new float[PIECE];
            }
        }
        return true;
    }
}
