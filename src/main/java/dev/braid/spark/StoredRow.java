package dev.braid.spark;

import dev.braid.batch.Bytes;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * A paired row where Spark holds it: a row of a column batch or of its own memory ({@link SparkRows}). Valid until the next
 * row is read. Ordinals are those of {@link TableColumns#paired}; a column must not be null where its values are read.
 */
abstract class StoredRow {

    /** The row's values one by one. */
    abstract InternalRow values();

    /** The first columns of the row, which the output carries; a copy that stays valid. */
    abstract InternalRow carried();

    /** The numbers of a feature column of arrays or vectors. */
    abstract StoredNumbers numbers(int ordinal, FeatureType type);

    /** The bytes of a binary feature column. */
    abstract Bytes bytes(int ordinal);

    /** Their number. */
    abstract int length(int ordinal);

    /** A feature column was read: {@link #repeats} compares that of the next row with it. */
    abstract void remember(int ordinal);

    /**
     * Whether a feature column, not null, holds what it held in the row that was remembered last. False where that is not
     * known: that row may not be there any more.
     */
    abstract boolean repeats(int ordinal, FeatureType type);

    /** Whether all of it was read from the file that the thread reads. */
    boolean isOfOneFile() {
        return true;
    }

    boolean isNullAt(int ordinal) {
        return values().isNullAt(ordinal);
    }
}
