package dev.braid.rows;

import dev.braid.spark.PairedRows;
import org.apache.spark.sql.types.DataTypes;

/** The hashes of single values, as {@link RowWriter} gives them while it writes. */
public final class Hashes {
    private Hashes() {}

    public static long ofKey(String key) {
        return writer().ofKey(PairedRows.generic(key), DataTypes.StringType);
    }

    public static long with(long hash, float[] vector) {
        return writer().floats(0, vector, hash);
    }

    public static long with(long hash, float[][] vectors) {
        RowWriter writer = writer();
        writer.beginList(0, vectors.length);
        long all = hash;
        for (int i = 0; i < vectors.length; i++) {
            all = writer.next(0, i, vectors[i], all);
        }
        writer.endList(0);
        return all;
    }

    public static long with(long hash, int[] numbers) {
        return writer().struct(0, numbers, hash);
    }

    private static RowWriter writer() {
        RowWriter writer = new RowWriter(1);
        writer.begin();
        return writer;
    }
}
