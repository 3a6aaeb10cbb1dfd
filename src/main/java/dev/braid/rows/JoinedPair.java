package dev.braid.rows;

import dev.braid.batch.Bytes;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;

/** A pair and the feature row that it refers to, as one row: the columns of the pair, then those of the feature row. */
public final class JoinedPair extends StoredRow {
    private final int pairColumns;
    private final InternalRow none;
    private final JoinedRow values = new JoinedRow();
    private StoredRow pair;
    /** Null if the pair refers to none. */
    private StoredRow features;

    private long number;
    private long remembered = -1;

    /** A row that {@link #at} has not moved to a pair yet. */
    public JoinedPair(int pairColumns, int featureColumns) {
        this.pairColumns = pairColumns;
        this.none = new GenericInternalRow(featureColumns);
    }

    /**
     * Moves to a pair.
     *
     * @param featureRow null if the pair refers to none
     * @param ofFeatures a number that identifies the feature row
     */
    public JoinedPair at(StoredRow pairRow, StoredRow featureRow, long ofFeatures) {
        pair = pairRow;
        features = featureRow;
        number = ofFeatures;
        values.apply(pair.values(), features == null ? none : features.values());
        return this;
    }

    @Override
    public InternalRow values() {
        return values;
    }

    @Override
    public InternalRow carried() {
        return pair.carried();
    }

    @Override
    boolean isOfOneFile() {
        return false;
    }

    @Override
    public StoredNumbers numbers(int ordinal, FeatureType type) {
        return ordinal < pairColumns ? pair.numbers(ordinal, type) : features.numbers(ordinal - pairColumns, type);
    }

    @Override
    public Bytes bytes(int ordinal) {
        return ordinal < pairColumns ? pair.bytes(ordinal) : features.bytes(ordinal - pairColumns);
    }

    @Override
    public int length(int ordinal) {
        return ordinal < pairColumns ? pair.length(ordinal) : features.length(ordinal - pairColumns);
    }

    @Override
    public void remember(int ordinal) {
        if (ordinal < pairColumns) {
            pair.remember(ordinal);
        } else {
            remembered = features == null ? -1 : number;
        }
    }

    @Override
    public boolean repeats(int ordinal, FeatureType type) {
        return ordinal < pairColumns ? pair.repeats(ordinal, type) : number == remembered;
    }
}
