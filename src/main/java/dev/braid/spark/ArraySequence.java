package dev.braid.spark;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.Numbers;
import dev.braid.batch.PieceCopy;
import java.nio.FloatBuffer;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.unsafe.Platform;

/**
 * A sequence stored as Spark arrays: a view of the row it was decoded from, valid until the next row is read. Numbers
 * are copied without boxing, in large pieces where they lie side by side in a row's bytes.
 */
final class ArraySequence implements FeatureSequence {
    private final ArrayData array;
    private final FeatureType type;
    private final int tokens;

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
    public boolean copyTo(FloatBuffer out, int first, int count) {
        PieceCopy copy = new PieceCopy(out);
        if (!type.isNested()) {
            int width = array.numElements() / tokens;
            copy.put(numbers(array), first * width, count * width);
        } else {
            for (int token = first; token < first + count; token++) {
                ArrayData numbers = array.getArray(token);
                copy.put(numbers(numbers), 0, numbers.numElements());
            }
        }
        return copy.isFinite();
    }

    private Numbers numbers(ArrayData array) {
        if (type.isDouble()) {
            return (first, count, piece) -> {
                for (int i = 0; i < count; i++) {
                    piece[i] = (float) array.getDouble(first + i);
                }
            };
        }
        if (array instanceof UnsafeArrayData unsafe) {
            int header = UnsafeArrayData.calculateHeaderPortionInBytes(unsafe.numElements());
            long start = unsafe.getBaseOffset() + header;
            return (first, count, piece) -> Platform.copyMemory(
                    unsafe.getBaseObject(),
                    start + (long) first * Float.BYTES,
                    piece,
                    Platform.FLOAT_ARRAY_OFFSET,
                    (long) count * Float.BYTES);
        }
        return (first, count, piece) -> {
            for (int i = 0; i < count; i++) {
                piece[i] = array.getFloat(first + i);
            }
        };
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
