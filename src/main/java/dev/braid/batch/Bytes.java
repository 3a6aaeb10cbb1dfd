package dev.braid.batch;

/** The bytes of one stored value, read in pieces so that a large value is never copied as a whole. */
@FunctionalInterface
public interface Bytes {

    /** Copies {@code count} bytes, from byte {@code first} on, to the start of {@code to}. */
    void copy(int first, int count, byte[] to);

    /** The bytes of an array. */
    static Bytes of(byte[] bytes) {
        return (first, count, to) -> System.arraycopy(bytes, first, to, 0, count);
    }
}
