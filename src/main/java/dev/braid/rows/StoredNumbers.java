package dev.braid.rows;

import dev.braid.batch.ElementType;
import java.util.Arrays;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.unsafe.Platform;

/**
 * The numbers of one feature value: an array of numbers, or an array of tokens that are arrays of numbers. A view of the
 * row that holds it, in one of the two forms that {@link SparkRows} reads. Nulls and lengths must be checked before numbers
 * are read.
 */
public abstract class StoredNumbers {
    /** The length of a token that is null. */
    public static final int NULL = -1;
    /** The length of a sparse vector, which is not read. */
    public static final int SPARSE = -2;
    /** How many numbers are compared at a time: at first a few, because values that differ mostly do so there. */
    private static final int FIRST = 16;

    private static final int PIECE = 512;

    /** The number of arrays: one per token if the value is nested, otherwise 1. */
    public abstract int arrays();

    /** The number of numbers in an array, or {@link #NULL}, or {@link #SPARSE}. */
    public abstract int length(int array);

    /** Whether a number may be null; if false, none is. */
    public abstract boolean mayHoldNull();

    /** Index of the first null of an array from {@code from} on, or -1. */
    public abstract int firstNull(int array, int from);

    /** Whether these arrays, all of one length, are adjacent in memory, so that their numbers can be read as one array. */
    public abstract boolean contiguous(int first, int count);

    /** Reads {@code count} numbers of an array, beginning with number {@code first}, into {@code piece}, as floats. */
    public abstract void read(int array, int first, int count, float[] piece);

    /** Whether both hold the same numbers, as floats, and no null. */
    boolean same(StoredNumbers other) {
        if (arrays() != other.arrays() || mayHoldNull() || other.mayHoldNull()) {
            return false;
        }
        float[] own = new float[FIRST];
        float[] others = new float[FIRST];
        for (int array = 0; array < arrays(); array++) {
            int length = length(array);
            if (length < 0 || length != other.length(array)) {
                return false;
            }
            for (int first = 0; first < length; ) {
                int count = Math.min(own.length, length - first);
                read(array, first, count, own);
                other.read(array, first, count, others);
                if (!Arrays.equals(own, 0, count, others, 0, count)) {
                    return false;
                }
                first += count;
                own = own.length == PIECE ? own : new float[PIECE];
                others = others.length == PIECE ? others : new float[PIECE];
            }
        }
        return true;
    }

    /** Numbers in an {@code UnsafeArrayData}: the element count, a null bit per element, then the elements. */
    static final class Unsafe extends StoredNumbers {
        private final FeatureType type;
        private final UnsafeArrayData tokens;
        /** The numbers of the array at work. */
        private UnsafeArrayData numbers;

        private int current = -1;

        Unsafe(UnsafeRow row, int ordinal, FeatureType type) {
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
            return array(array) == null ? SPARSE : numbers.numElements();
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

    /** Numbers of a column batch: each array is a range of one vector of numbers. */
    static final class Scanned extends StoredNumbers {
        private final FeatureType type;
        /** The arrays of numbers: ranges of {@link #numbers}. */
        private final WritableColumnVector ranges;
        /** The arrays, or Spark ML's vectors: the elements of a nested column, or the column itself. */
        private final WritableColumnVector tokens;

        private final int first;
        private final int arrays;
        private final WritableColumnVector numbers;

        Scanned(WritableColumnVector column, int row, FeatureType type) {
            this.type = type;
            this.tokens = type.isNested() ? column.arrayData() : column;
            this.ranges = type.isVector() ? tokens.getChild(FeatureType.VECTOR_FIELDS - 1) : tokens;
            this.first = type.isNested() ? column.getArrayOffset(row) : row;
            this.arrays = type.isNested() ? column.getArrayLength(row) : 1;
            this.numbers = ranges.arrayData();
        }

        @Override
        public int arrays() {
            return arrays;
        }

        @Override
        public int length(int array) {
            if (tokens.isNullAt(first + array)) {
                return NULL;
            }
            boolean sparse = type.isVector() && tokens.getChild(0).getByte(first + array) != 1;
            return sparse ? SPARSE : ranges.getArrayLength(first + array);
        }

        @Override
        public boolean mayHoldNull() {
            return tokens.hasNull() || numbers.hasNull();
        }

        @Override
        public int firstNull(int array, int from) {
            int start = ranges.getArrayOffset(first + array);
            int end = start + ranges.getArrayLength(first + array);
            for (int i = start + from; i < end; i++) {
                if (numbers.isNullAt(i)) {
                    return i - start;
                }
            }
            return -1;
        }

        @Override
        public boolean contiguous(int from, int count) {
            int last = first + from + count - 1;
            int length = ranges.getArrayLength(last);
            return ranges.getArrayOffset(last) - ranges.getArrayOffset(first + from) == (count - 1) * length;
        }

        @Override
        public void read(int array, int from, int count, float[] piece) {
            int start = ranges.getArrayOffset(first + array) + from;
            boolean dictionary = numbers.hasDictionary();
            if (type.isHalf()) {
                ElementType.FLOAT16.read(dictionary ? lookedUp(start, count) : halves(start, count), count, piece);
                return;
            }
            if (type.isIds()) {
                for (int i = 0; i < count; i++) {
                    piece[i] = id(start + i);
                }
                return;
            }
            if (!type.isDouble()) {
                if (dictionary) {
                    for (int i = 0; i < count; i++) {
                        piece[i] = numbers.getFloat(start + i);
                    }
                } else {
                    System.arraycopy(numbers.getFloats(start, count), 0, piece, 0, count);
                }
                return;
            }
            double[] doubles = dictionary ? null : numbers.getDoubles(start, count);
            for (int i = 0; i < count; i++) {
                piece[i] = (float) (dictionary ? numbers.getDouble(start + i) : doubles[i]);
            }
        }

        private float id(int index) {
            return switch (type.integers()) {
                case SHORT -> numbers.getShort(index);
                case INT -> numbers.getInt(index);
                default -> numbers.getLong(index);
            };
        }

        private byte[] lookedUp(int start, int count) {
            byte[] halves = new byte[Short.BYTES * count];
            for (int i = 0; i < count; i++) {
                System.arraycopy(numbers.getBinary(start + i), 0, halves, Short.BYTES * i, Short.BYTES);
            }
            return halves;
        }

        /** Without a dictionary, the values' bytes are adjacent, but nulls may lie between them. */
        private byte[] halves(int start, int count) {
            int first = numbers.getArrayOffset(start);
            int last = numbers.getArrayOffset(start + count - 1);
            return last - first == Short.BYTES * (count - 1)
                    ? numbers.arrayData().getBytes(first, Short.BYTES * count)
                    : lookedUp(start, count);
        }
    }
}
