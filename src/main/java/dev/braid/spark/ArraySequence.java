package dev.braid.spark;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.Finite;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.unsafe.Platform;

/**
 * A sequence stored as Spark arrays: a view of the row it was decoded from, valid until the next row is read. Numbers
 * are copied without boxing, in one piece where the array lies in a byte array, as it does behind a projection.
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
        int start = out.position();
        if (!type.isNested()) {
            int width = array.numElements() / tokens;
            put(array, first * width, count * width, out);
        } else {
            for (int token = first; token < first + count; token++) {
                ArrayData numbers = array.getArray(token);
                put(numbers, 0, numbers.numElements(), out);
            }
        }
        return Finite.between(out, start, out.position());
    }

    private void put(ArrayData numbers, int from, int count, FloatBuffer out) {
        if (type.isDouble()) {
            for (int i = from; i < from + count; i++) {
                out.put((float) numbers.getDouble(i));
            }
        } else if (numbers instanceof UnsafeArrayData unsafe && unsafe.getBaseObject() instanceof byte[] bytes) {
            int header = UnsafeArrayData.calculateHeaderPortionInBytes(unsafe.numElements());
            int first = Math.toIntExact(unsafe.getBaseOffset() - Platform.BYTE_ARRAY_OFFSET) + header;
            out.put(ByteBuffer.wrap(bytes, first + from * Float.BYTES, count * Float.BYTES)
                    .order(ByteOrder.nativeOrder())
                    .asFloatBuffer());
        } else {
            for (int i = from; i < from + count; i++) {
                out.put(numbers.getFloat(i));
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
