package dev.braid.rows;

/**
 * Takes the vectors of output rows, each in its place, and hashes them. A method that returns a hash returns the XXH64 of the
 * numbers' bytes (little-endian), with the given hash as the seed.
 */
public interface VectorOutput {
    /** Begins a row, and drops what is left of an unfinished one. */
    void begin();

    /** Writes a vector. */
    long floats(int place, float[] values, long hash);

    /** Begins a list of {@code count} vectors. */
    void beginList(int place, int count);

    /** Writes the next vector of the list. */
    long next(int place, int index, float[] values, long hash);

    /** Ends the list. */
    void endList(int place);

    /** Writes a binary value: the first {@code length} bytes of {@code values}. */
    void bytes(int place, byte[] values, int length);
}
