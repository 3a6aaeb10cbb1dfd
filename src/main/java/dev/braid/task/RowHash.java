package dev.braid.task;

import dev.braid.rows.RowWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * The hash of a row that is read back from a fused table. It equals the hash that {@link RowWriter} gave when the row was
 * written, for every form of vectors. A null value adds nothing to it. Used by one thread at a time.
 */
public final class RowHash {
    private static final int NUMBER_BYTES = Float.BYTES;

    private final RowWriter keys = new RowWriter(1);
    private final StructField[] columns;
    /** The ordinal of {@code fused_lengths}; -1 if there is none. */
    private final int lengths;

    /**
     * Hashes rows of these columns.
     *
     * @param columns the key, then the fused columns in the order in which they were written
     */
    public RowHash(StructType columns) {
        this.columns = columns.fields();
        this.lengths = java.util.Arrays.asList(columns.fieldNames()).indexOf(FusedColumn.LENGTHS);
    }

    /** The hash of a row. */
    public long of(InternalRow row) {
        long hash = row.isNullAt(0) ? 0 : keys.ofKey(row, columns[0].dataType());
        for (int c = 1; c < columns.length; c++) {
            boolean tokens = columns[c].name().equals(FusedColumn.TOKENS);
            hash = tokens && !row.isNullAt(c) && !(columns[c].dataType() instanceof ArrayType)
                    ? bytes(hash, row.getBinary(c), tokens(row))
                    : value(hash, row, c, columns[c].dataType());
        }
        return hash;
    }

    /** The hash of vectors of one size. Each is hashed with the hash before it as the seed. */
    private static long bytes(long hash, byte[] vectors, int count) {
        if (count < 1 || vectors.length % count != 0) {
            return RowWriter.hash(hash, vectors, 0, vectors.length);
        }
        int size = vectors.length / count;
        long all = hash;
        for (int t = 0; t < count; t++) {
            all = RowWriter.hash(all, vectors, t * size, size);
        }
        return all;
    }

    private int tokens(InternalRow row) {
        if (lengths < 0 || row.isNullAt(lengths)) {
            return 0;
        }
        int groups = ((StructType) columns[lengths].dataType()).size();
        InternalRow counts = row.getStruct(lengths, groups);
        int tokens = 0;
        for (int g = 0; g < groups; g++) {
            tokens += counts.getInt(g);
        }
        return tokens;
    }

    private static long value(long hash, SpecializedGetters holder, int ordinal, DataType type) {
        if (holder.isNullAt(ordinal)) {
            return hash;
        }
        if (type instanceof StructType struct) {
            return numbers(hash, holder.getStruct(ordinal, struct.size()), 0, struct.size());
        }
        if (type instanceof ArrayType array) {
            return array(hash, holder.getArray(ordinal), array.elementType());
        }
        if (type.defaultSize() == NUMBER_BYTES) {
            return numbers(hash, holder, ordinal, 1);
        }
        byte[] bytes = holder.getBinary(ordinal);
        return RowWriter.hash(hash, bytes, 0, bytes.length);
    }

    private static long array(long hash, ArrayData values, DataType type) {
        if (type instanceof ArrayType || type instanceof StructType) {
            long all = hash;
            for (int i = 0; i < values.numElements(); i++) {
                all = value(all, values, i, type);
            }
            return all;
        }
        float[] numbers = values.toFloatArray();
        byte[] bytes = new byte[numbers.length * NUMBER_BYTES];
        littleEndian(bytes).asFloatBuffer().put(numbers);
        return RowWriter.hash(hash, bytes, 0, bytes.length);
    }

    /** Hashes numbers of four bytes, ints or floats: Spark stores both alike. */
    private static long numbers(long hash, SpecializedGetters holder, int first, int count) {
        byte[] bytes = new byte[count * NUMBER_BYTES];
        ByteBuffer buffer = littleEndian(bytes);
        for (int i = 0; i < count; i++) {
            buffer.putInt(holder.getInt(first + i));
        }
        return RowWriter.hash(hash, bytes, 0, bytes.length);
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
