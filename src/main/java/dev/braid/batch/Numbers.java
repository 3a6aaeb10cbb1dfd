package dev.braid.batch;

/** Stored numbers of any type, converted to floats a piece at a time. */
@FunctionalInterface
public interface Numbers {

    /** Converts {@code count} numbers, beginning with number {@code first}, to the first floats of {@code piece}. */
    void read(int first, int count, float[] piece);
}
