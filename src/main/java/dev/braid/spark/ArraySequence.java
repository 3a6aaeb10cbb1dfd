package dev.braid.spark;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.Numbers;
import dev.braid.batch.PieceCopy;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.unsafe.Platform;

/**
 * A sequence stored as Spark arrays: a view of the row it was decoded from, valid until the next row is read. Numbers
 * are copied without boxing, in large pieces where they lie side by side in a row's bytes.
 */
final class ArraySequence implements FeatureSequence, Numbers {
    private final ArrayData array;
    private final FeatureType type;
    private final int tokens;
    /** What is being copied: all numbers, or those of one token. */
    private ArrayData numbers;

    /**
     * A view without nulls, every token of the right width.
     *
     * @param array [tokens x featureSize] numbers, or [tokens] arrays of them where {@code type} is nested
     */
    ArraySequence(ArrayData array, FeatureType type, int tokens) {
        this.array = array;
        this.type = type;
        this.tokens = tokens;
    }

    @Override
    public int tokens() {
        return tokens;
    }

    @Override
    public void copyTo(PieceCopy out, int first, int count) {
        if (!type.isNested()) {
            numbers = array;
            int width = array.numElements() / tokens;
            out.put(this, first * width, count * width);
            return;
        }
        for (int token = first; token < first + count; token++) {
            numbers = array.getArray(token);
            out.put(this, 0, numbers.numElements());
        }
    }

    @Override
    public void read(int first, int count, float[] piece) {
        ArrayData from = numbers;
        if (type.isDouble()) {
            for (int i = 0; i < count; i++) {
                piece[i] = (float) from.getDouble(first + i);
            }
        } else if (from instanceof UnsafeArrayData unsafe) {
            int header = UnsafeArrayData.calculateHeaderPortionInBytes(unsafe.numElements());
            Platform.copyMemory(
                    unsafe.getBaseObject(),
                    unsafe.getBaseOffset() + header + (long) first * Float.BYTES,
                    piece,
                    Platform.FLOAT_ARRAY_OFFSET,
                    (long) count * Float.BYTES);
        } else {
            for (int i = 0; i < count; i++) {
                piece[i] = from.getFloat(first + i);
            }
        }
    }

    /** The index of the first null from {@code from} on, or -1. */
    static int firstNull(ArrayData array, int from) {
        int elements = array.numElements();
        if (array instanceof UnsafeArrayData unsafe && !hasNullBit(unsafe)) {
            return -1;
        }
        for (int i = from; i < elements; i++) {
            if (array.isNullAt(i)) {
                return i;
            }
        }
        return -1;
    }

    /** Looks at 64 elements at a time: behind the element count lies a bit per element, set where it is null. */
    private static boolean hasNullBit(UnsafeArrayData array) {
        int header = UnsafeArrayData.calculateHeaderPortionInBytes(array.numElements());
        for (int word = Long.BYTES; word < header; word += Long.BYTES) {
            if (Platform.getLong(array.getBaseObject(), array.getBaseOffset() + word) != 0) {
                return true;
            }
        }
        return false;
    }
}
