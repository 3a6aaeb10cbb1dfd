package dev.braid.rows;

import dev.braid.batch.ElementType;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;

/** Numbers of a column batch: each array is a range of one vector of numbers. */
final class ScannedNumbers extends StoredNumbers {
    private final FeatureType type;
    /** The arrays of numbers: ranges of {@link #numbers}. */
    private final WritableColumnVector ranges;
    /** The arrays, or Spark ML's vectors: the elements of a nested column, or the column itself. */
    private final WritableColumnVector tokens;

    private final int first;
    private final int arrays;
    private final WritableColumnVector numbers;

    ScannedNumbers(WritableColumnVector column, int row, FeatureType type) {
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

    /** Without a dictionary, the values' bytes are adjacent, unless there are nulls among the values. */
    private byte[] halves(int start, int count) {
        int first = numbers.getArrayOffset(start);
        int last = numbers.getArrayOffset(start + count - 1);
        return last - first == Short.BYTES * (count - 1)
                ? numbers.arrayData().getBytes(first, Short.BYTES * count)
                : lookedUp(start, count);
    }
}
