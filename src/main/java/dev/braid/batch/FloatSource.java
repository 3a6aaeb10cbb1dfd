package dev.braid.batch;

/** A source of floats: stored numbers of any type, converted a piece at a time. */
@FunctionalInterface
public interface FloatSource {

    /** Converts {@code count} numbers, beginning with number {@code first}, to the first floats of {@code piece}. */
    void read(int first, int count, float[] piece);
}
