package dev.braid.parquet;

import java.util.Arrays;
import org.apache.parquet.bytes.BytesInput;

/**
 * The repetition or definition levels of a page, each below 256, in Parquet's hybrid of run-length encoding and bit packing
 * (https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE). Uses run lengths only. The size of the encoded
 * runs comes before them.
 */
final class Levels {
    private static final int SIZE_BYTES = Integer.BYTES;
    private static final int LONGEST_RUN_BYTES = 6; // five bytes for a varint, one for the level

    private byte[] bytes = new byte[1024];
    private int size = SIZE_BYTES;
    /** The level of the current run, which may still grow. Before the first level, the run is empty. */
    private int level;

    private int run;

    private int markedSize = SIZE_BYTES;
    private int markedLevel;
    private int markedRun;

    /** Appends the level {@code next}, repeated {@code times} times. */
    void add(int next, int times) {
        if (next != level) {
            endRun();
            level = next;
        }
        run += times;
    }

    private void endRun() {
        if (run == 0) {
            return;
        }
        if (bytes.length < size + LONGEST_RUN_BYTES) {
            bytes = Arrays.copyOf(bytes, 2 * bytes.length);
        }
        int header = run << 1;
        while ((header & ~0x7f) != 0) {
            bytes[size++] = (byte) (header | 0x80);
            header >>>= 7;
        }
        bytes[size++] = (byte) header;
        bytes[size++] = (byte) level;
        run = 0;
    }

    /** Remembers the current state for {@link #reset}. */
    void mark() {
        markedSize = size;
        markedLevel = level;
        markedRun = run;
    }

    /** Drops the levels since the last {@link #mark}. */
    void reset() {
        size = markedSize;
        level = markedLevel;
        run = markedRun;
    }

    /** Ends the page and returns its bytes, which are valid until {@link #clear}. */
    BytesInput page() {
        endRun();
        int length = size - SIZE_BYTES;
        for (int i = 0; i < SIZE_BYTES; i++) {
            bytes[i] = (byte) (length >>> (i * Byte.SIZE));
        }
        return BytesInput.from(bytes, 0, size);
    }

    /** Begins the next page. */
    void clear() {
        size = SIZE_BYTES;
        run = 0;
        mark();
    }
}
