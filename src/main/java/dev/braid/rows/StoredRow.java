package dev.braid.rows;

import dev.braid.batch.Bytes;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * A paired row in the form in which Spark holds it: a row of a column batch, or a row in Spark's memory layout ({@link
 * SparkRows}). Valid until the next row is read. Ordinals are those of {@code TableColumns.paired}. A column must not be null
 * when its values are read.
 */
public abstract class StoredRow {

    /** The row's values, as a row of Spark. */
    public abstract InternalRow values();

    /** A copy of the row's first columns, which the output carries. It stays valid. */
    public abstract InternalRow carried();

    /** The numbers of a feature column of arrays or vectors. */
    public abstract StoredNumbers numbers(int ordinal, FeatureType type);

    /** The bytes of a binary feature column. */
    public abstract Bytes bytes(int ordinal);

    /** The number of bytes of a binary feature column. */
    public abstract int length(int ordinal);

    /** Remembers a feature column of this row: {@link #repeats} compares later rows with it. */
    public abstract void remember(int ordinal);

    /** Whether a feature column, which must not be null, has the value of the remembered row. False if that row is gone. */
    public abstract boolean repeats(int ordinal, FeatureType type);

    /** Whether the whole row was read from the file that the thread is reading. */
    boolean isOfOneFile() {
        return true;
    }

    public boolean isNullAt(int ordinal) {
        return values().isNullAt(ordinal);
    }
}
