package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import java.util.List;

/**
 * How a rival's rows become batches, each padded to its own longest row.
 *
 * @param sorted whether all rows are sorted by length first
 * @param rows of a batch
 */
record Batching(boolean sorted, int rows) {

    List<RowBatch> cut(RowBatch all) {
        return (sorted ? all.sortedByTokens() : all).split(rows);
    }

    /** As measurements name the order. */
    String order() {
        return sorted ? Measurement.SORTED : Measurement.ARRIVAL;
    }
}
