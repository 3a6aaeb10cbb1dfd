package dev.braid.rows;

import dev.braid.batch.ElementType;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.unsafe.Platform;

/** Numbers in an {@code UnsafeArrayData}: the element count, a null bit per element, then the elements. */
final class PlannedNumbers extends StoredNumbers {
    private final FeatureType type;
    private final UnsafeArrayData tokens;
    /** The numbers of the array that was read last. */
    private UnsafeArrayData numbers;

    private int current = -1;

    PlannedNumbers(UnsafeRow row, int ordinal, FeatureType type) {
        this.type = type;
        if (type == FeatureType.FLAT_VECTOR) {
            this.tokens = null;
            this.numbers = values(row.getStruct(ordinal, FeatureType.VECTOR_FIELDS));
        } else {
            this.tokens = type.isNested() ? row.getArray(ordinal) : null;
            this.numbers = type.isNested() ? null : row.getArray(ordinal);
        }
    }

    private static UnsafeArrayData values(UnsafeRow vector) {
        return vector.getByte(0) == 1 ? vector.getArray(FeatureType.VECTOR_FIELDS - 1) : null;
    }

    private UnsafeArrayData array(int array) {
        if (tokens != null && array != current) {
            numbers = type.isVector()
                    ? values(tokens.getStruct(array, FeatureType.VECTOR_FIELDS))
                    : tokens.getArray(array);
            current = array;
        }
        return numbers;
    }

    @Override
    public int arrays() {
        return tokens == null ? 1 : tokens.numElements();
    }

    @Override
    public int length(int array) {
        if (tokens != null && tokens.isNullAt(array)) {
            return NULL;
        }
        UnsafeArrayData found = array(array);
        return found == null ? SPARSE : found.numElements();
    }

    @Override
    public boolean mayHoldNull() {
        return !type.isVector();
    }

    @Override
    public int firstNull(int array, int from) {
        UnsafeArrayData found = array(array);
        if (!holdsNull(found)) {
            return -1;
        }
        for (int i = from; i < found.numElements(); i++) {
            if (found.isNullAt(i)) {
                return i;
            }
        }
        return -1;
    }

    /** Checks 64 null bits at a time. */
    private static boolean holdsNull(UnsafeArrayData array) {
        int header = UnsafeArrayData.calculateHeaderPortionInBytes(array.numElements());
        for (int word = Long.BYTES; word < header; word += Long.BYTES) {
            if (Platform.getLong(array.getBaseObject(), array.getBaseOffset() + word) != 0) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean contiguous(int first, int count) {
        return count == 1;
    }

    @Override
    public void read(int array, int first, int count, float[] piece) {
        UnsafeArrayData from = array(array);
        if (type.isHalf()) {
            byte[] halves = new byte[Short.BYTES * count];
            for (int i = 0; i < count; i++) {
                System.arraycopy(from.getBinary(first + i), 0, halves, Short.BYTES * i, Short.BYTES);
            }
            ElementType.FLOAT16.read(halves, count, piece);
            return;
        }
        if (type.isDouble()) {
            for (int i = 0; i < count; i++) {
                piece[i] = (float) from.getDouble(first + i);
            }
            return;
        }
        if (type.isIds()) {
            NumberType integers = type.integers();
            for (int i = 0; i < count; i++) {
                piece[i] = (float) integers.read(from, first + i);
            }
            return;
        }
        int header = UnsafeArrayData.calculateHeaderPortionInBytes(from.numElements());
        Platform.copyMemory(
                from.getBaseObject(),
                from.getBaseOffset() + header + (long) first * Float.BYTES,
                piece,
                Platform.FLOAT_ARRAY_OFFSET,
                (long) count * Float.BYTES);
    }
}
