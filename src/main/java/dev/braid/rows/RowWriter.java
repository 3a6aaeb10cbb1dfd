package dev.braid.rows;

import net.jpountz.xxhash.XXHash64;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeArrayWriter;
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowWriter;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.unsafe.Platform;

/**
 * Builds output rows in Spark's own memory layout without boxing values, and hashes what it writes as {@link VectorOutput}
 * says: XXH64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). A place is the ordinal of a column. Used by
 * one thread at a time.
 *
 * <p>{@link PlannedRows} and {@link PlannedNumbers} read the same layout.
 */
public final class RowWriter implements VectorOutput {
    private static final XXHash64 XXH64 = XXHashFactory.fastestJavaInstance().hash64();
    /** The initial size. The buffer grows, and is kept. */
    private static final int BUFFER_BYTES = 4096;

    private final UnsafeRowWriter row;
    private final UnsafeArrayWriter floats;
    private final UnsafeArrayWriter arrays;
    private final UnsafeArrayWriter inner;
    /** Where the list of vectors that is being written begins in the row. */
    private int listStart;
    /** Makes a row of the key alone, to hash a key that is not text, bytes or a whole number; null until then. */
    private UnsafeProjection keyAlone;

    /** A writer of rows with this many columns. */
    public RowWriter(int columns) {
        this.row = new UnsafeRowWriter(columns, BUFFER_BYTES);
        this.floats = new UnsafeArrayWriter(row, Float.BYTES);
        this.arrays = new UnsafeArrayWriter(row, Long.BYTES);
        this.inner = new UnsafeArrayWriter(arrays, Float.BYTES);
    }

    @Override
    public void begin() {
        row.reset();
        row.zeroOutNullBytes();
    }

    /** The row, valid until the next one begins. */
    public InternalRow row() {
        return row.getRow();
    }

    /** The bytes of a row that {@link StoredRow#carried} gave. */
    public static int bytes(InternalRow carried) {
        return ((UnsafeRow) carried).getSizeInBytes();
    }

    /** Copies a value of a row that {@link StoredRow#carried} gave, byte for byte. */
    public void copy(int ordinal, InternalRow carried, int from, DataType type) {
        UnsafeRow source = (UnsafeRow) carried;
        if (source.isNullAt(from)) {
            row.setNullAt(ordinal);
            return;
        }
        long word = source.getLong(from);
        if (UnsafeRow.isFixedLength(type)) {
            row.write(ordinal, word);
        } else {
            // The word of a value of variable length: its offset in the row, and its size.
            int offset = (int) (source.getBaseOffset() - Platform.BYTE_ARRAY_OFFSET) + (int) (word >>> Integer.SIZE);
            row.write(ordinal, (byte[]) source.getBaseObject(), offset, (int) word);
        }
    }

    @Override
    public long floats(int ordinal, float[] values, long hash) {
        int before = row.cursor();
        long after = fill(floats, values, hash);
        row.setOffsetAndSizeFromPreviousCursor(ordinal, before);
        return after;
    }

    @Override
    public void beginList(int ordinal, int count) {
        listStart = row.cursor();
        arrays.initialize(count);
    }

    @Override
    public long next(int ordinal, int index, float[] values, long hash) {
        int before = arrays.cursor();
        long after = fill(inner, values, hash);
        arrays.setOffsetAndSizeFromPreviousCursor(index, before);
        return after;
    }

    @Override
    public void endList(int ordinal) {
        row.setOffsetAndSizeFromPreviousCursor(ordinal, listStart);
    }

    private static long fill(UnsafeArrayWriter writer, float[] values, long hash) {
        int header = UnsafeArrayData.calculateHeaderPortionInBytes(values.length);
        // A cursor is an address as Spark counts it: an index in the buffer plus the offset of a byte array's first
        // element.
        int numbers = writer.cursor() + header;
        writer.initialize(values.length);
        byte[] buffer = writer.getBuffer();
        int bytes = values.length * Float.BYTES;
        Platform.copyMemory(values, Platform.FLOAT_ARRAY_OFFSET, buffer, numbers, bytes);
        return XXH64.hash(buffer, numbers - Platform.BYTE_ARRAY_OFFSET, bytes, hash);
    }

    @Override
    public void bytes(int ordinal, byte[] values, int length) {
        row.write(ordinal, values, 0, length);
    }

    /** Writes a single float. */
    public long number(int ordinal, float value, long hash) {
        row.write(ordinal, value);
        return hash(hash, Float.floatToRawIntBits(value));
    }

    /** Writes a struct of whole numbers. */
    public long struct(int ordinal, int[] values, long hash) {
        int before = row.cursor();
        fill(new UnsafeRowWriter(row, values.length), values);
        row.setOffsetAndSizeFromPreviousCursor(ordinal, before);
        return hash(hash, values);
    }

    /** Writes a struct of floats. */
    public long struct(int ordinal, float[] values, long hash) {
        return struct(ordinal, bits(values), hash);
    }

    /** Writes an array of structs of floats. */
    public long structs(int ordinal, float[][] values, long hash) {
        int before = row.cursor();
        arrays.initialize(values.length);
        long all = hash;
        for (int i = 0; i < values.length; i++) {
            int start = arrays.cursor();
            int[] bits = bits(values[i]);
            fill(new UnsafeRowWriter(arrays, bits.length), bits);
            arrays.setOffsetAndSizeFromPreviousCursor(i, start);
            all = hash(all, bits);
        }
        row.setOffsetAndSizeFromPreviousCursor(ordinal, before);
        return all;
    }

    /** Writes ints or the bits of floats: Spark stores both alike. */
    private static void fill(UnsafeRowWriter struct, int[] values) {
        struct.resetRowWriter();
        for (int i = 0; i < values.length; i++) {
            struct.write(i, values[i]);
        }
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    private static long hash(long hash, int... values) {
        byte[] bytes = new byte[values.length * Integer.BYTES];
        Platform.copyMemory(values, Platform.INT_ARRAY_OFFSET, bytes, Platform.BYTE_ARRAY_OFFSET, bytes.length);
        return XXH64.hash(bytes, 0, bytes.length, hash);
    }

    /** The hash of bytes, with {@code hash} as the seed. */
    public static long hash(long hash, byte[] bytes, int first, int length) {
        return XXH64.hash(bytes, first, length, hash);
    }

    /**
     * The hash of a key that is not null, with seed 0. It covers the UTF-8 bytes of a string, the bytes of a binary value, or
     * the eight little-endian bytes of a whole number, a date or a timestamp. For other types, it covers Spark's binary form
     * of a row that holds only the key. All keys of a writer have the same type.
     */
    public long ofKey(InternalRow row, DataType type) {
        byte[] bytes;
        if (type instanceof StringType) {
            bytes = row.getUTF8String(0).getBytes();
        } else if (type instanceof BinaryType) {
            bytes = row.getBinary(0);
        } else {
            Object key = row.get(0, type);
            bytes = key instanceof Long || key instanceof Integer || key instanceof Short || key instanceof Byte
                    ? bytes(((Number) key).longValue())
                    : alone(type).apply(row).getBytes();
        }
        return XXH64.hash(bytes, 0, bytes.length, 0);
    }

    private UnsafeProjection alone(DataType type) {
        if (keyAlone == null) {
            keyAlone = UnsafeProjection.create(new DataType[] {type});
        }
        return keyAlone;
    }

    private static byte[] bytes(long number) {
        byte[] bytes = new byte[Long.BYTES];
        Platform.putLong(bytes, Platform.BYTE_ARRAY_OFFSET, number);
        return bytes;
    }
}
