package dev.braid.spark;

import dev.braid.rows.JoinedPair;
import dev.braid.rows.StoredRow;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * Pairs joined with the feature rows that they refer to. Both streams are in the order of the feature rows and are read once.
 * A row is valid until the next one.
 */
final class JoinedPairs implements Iterator<StoredRow> {
    private final Iterator<StoredRow> features;
    private final Iterator<StoredRow> pairs;
    private final int place;
    private final JoinedPair row;
    /** The feature row that was read last. */
    private StoredRow feature;

    private long read;

    /**
     * The pairs of a partition.
     *
     * @param features the rows of a split
     * @param pairs sorted by their last column, the place of the row that they refer to; null, which comes first, if they
     *     refer to none
     */
    JoinedPairs(Iterator<StoredRow> features, Iterator<StoredRow> pairs, int pairColumns, int featureColumns) {
        this.features = features;
        this.pairs = pairs;
        this.place = pairColumns - 1;
        this.row = new JoinedPair(pairColumns, featureColumns);
    }

    @Override
    public boolean hasNext() {
        return pairs.hasNext();
    }

    @Override
    public StoredRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        StoredRow pair = pairs.next();
        if (pair.isNullAt(place)) {
            return row.at(pair, null, read);
        }
        long number = Places.number(pair.values().getLong(place));
        while (read <= number) {
            if (!features.hasNext()) { // Spark's iterators need hasNext() before next()
                throw new IllegalStateException("expected row " + number
                        + " of a split of features, as a scan of the ids has it, got " + read + " rows");
            }
            feature = features.next();
            read++;
        }
        return row.at(pair, feature, read);
    }
}
