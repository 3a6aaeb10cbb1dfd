package dev.braid.batch;

/** Numbers as they are stored, whatever their type: converted to floats a piece at a time. */
@FunctionalInterface
public interface Numbers {

    /** Converts {@code count} numbers, from number {@code first} on, into the first of {@code piece}. */
    void read(int first, int count, float[] piece);
}
