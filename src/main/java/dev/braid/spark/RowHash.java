package dev.braid.spark;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.expressions.XXH64;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * A hash of what a fused row is, its key and every number, to the bit: XXH64 (Yann Collet,
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, as Spark has it) of one piece after the other, each
 * seeded with the hash before it. The sum of all rows' hashes modulo 2^64 depends on no order: {@link
 * FusionProgress#fingerprint}. Used by one thread at a time.
 */
final class RowHash {
    private final DataType keyType;
    /** Of keys that are neither text nor bytes nor whole numbers; null until there is one. */
    private UnsafeProjection projection;

    RowHash(DataType keyType) {
        this.keyType = keyType;
    }

    /**
     * The hash of a row's key, which is not null, with seed 0: of a string's bytes in UTF-8, a binary's own, a whole number's
     * (and a date's or a timestamp's, which are numbers) eight in little-endian order; else of Spark's binary form of a
     * row of the key alone.
     */
    long ofKey(InternalRow row) {
        Object key = row.get(0, keyType);
        if (key instanceof UTF8String text) {
            return XXH64.hashUnsafeBytes(text.getBaseObject(), text.getBaseOffset(), text.numBytes(), 0);
        }
        if (key instanceof byte[] bytes) {
            return XXH64.hashUnsafeBytes(bytes, Platform.BYTE_ARRAY_OFFSET, bytes.length, 0);
        }
        if (key instanceof Long || key instanceof Integer || key instanceof Short || key instanceof Byte) {
            return XXH64.hashLong(((Number) key).longValue(), 0);
        }
        if (projection == null) {
            projection = UnsafeProjection.create(new DataType[] {keyType});
        }
        UnsafeRow alone = projection.apply(row);
        return XXH64.hashUnsafeBytes(alone.getBaseObject(), alone.getBaseOffset(), alone.getSizeInBytes(), 0);
    }

    /** A hash and then the bits of a vector, little-endian: XXH64 of its bytes, with the hash as the seed. */
    static long with(long hash, float[] vector) {
        return XXH64.hashUnsafeBytes(vector, Platform.FLOAT_ARRAY_OFFSET, vector.length * Float.BYTES, hash);
    }

    /** A hash and then whole numbers, little-endian in four bytes each. */
    static long with(long hash, int[] numbers) {
        return XXH64.hashUnsafeBytes(numbers, Platform.INT_ARRAY_OFFSET, numbers.length * Integer.BYTES, hash);
    }

    /** A hash and then several vectors, one after the other. */
    static long with(long hash, float[][] vectors) {
        long all = hash;
        for (float[] vector : vectors) {
            all = with(all, vector);
        }
        return all;
    }
}
