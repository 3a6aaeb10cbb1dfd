package dev.braid.spark;

/**
 * Takes the vectors of output rows, each in its place, and hashes them: every method returns the XXH64 of the numbers' bytes
 * (little-endian), seeded with the hash before.
 */
interface VectorOutput {
    /** Begins a row; drops what an unfinished one has left. */
    void begin();

    /** A vector. */
    long floats(int place, float[] values, long hash);

    /** Begins a list of so many vectors. */
    void beginList(int place, int count);

    /** Its next vector. */
    long next(int place, int index, float[] values, long hash);

    /** Ends the list. */
    void endList(int place);

    /** A binary value: the first {@code length} of {@code values}. */
    void bytes(int place, byte[] values, int length);
}
