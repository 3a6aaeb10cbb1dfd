package dev.braid.rows;

import org.apache.spark.unsafe.types.UTF8String;

/**
 * A binary value that later values are compared with. Only its beginning is copied at first; the whole value is copied once
 * another value of the same length and beginning follows, so that values which never repeat are not copied.
 */
final class RememberedValue {
    private static final int BEGINNING = 64;

    private UTF8String beginning;
    private int length;
    /** Null if only the beginning is kept. */
    private UTF8String whole;

    RememberedValue(UTF8String value) {
        keep(value);
    }

    private void keep(UTF8String value) {
        beginning = beginning(value).copy();
        length = value.numBytes();
        whole = null;
    }

    private static UTF8String beginning(UTF8String value) {
        return UTF8String.fromAddress(
                value.getBaseObject(), value.getBaseOffset(), Math.min(BEGINNING, value.numBytes()));
    }

    /** Remembers another value instead. */
    void become(UTF8String value) {
        if (length != value.numBytes() || !beginning.equals(beginning(value))) {
            keep(value);
        } else if (!isSame(value)) {
            whole = value.copy();
        }
    }

    /** Whether {@code value} equals the remembered value; false if only the beginning of that is known. */
    boolean isSame(UTF8String value) {
        return whole != null && whole.equals(value);
    }
}
