package dev.braid.spark;

import dev.braid.decode.Reason;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The result of the key audit and, for pairs, of the audit of the ids that they refer to.
 *
 * @param rows the rows of the paired table, bad ones included. A key counts as often as it occurs in the table that has it
 *     most often; rows without a key count one by one
 * @param tableRows the rows of each table
 * @param bad the rows whose key alone makes them bad, by reason; empty if there are none
 * @param duplicateKeys the number of keys that occur more than once in a table
 * @param incomplete whether rows that lack a modality are to be fused
 * @param known what the audit found about the rows of the table to update; {@link Known#NONE} if there is none
 * @param unreferenced the rows of feature tables that no pair refers to, by modality; empty if there are no pairs
 */
public record AuditedKeys(
        long rows,
        List<Long> tableRows,
        Map<Reason, Long> bad,
        long duplicateKeys,
        boolean incomplete,
        Known known,
        Map<String, Long> unreferenced) {

    /**
     * The rows of a table to update.
     *
     * @param kept rows that are unchanged in the input
     * @param changed rows that have another version in the input
     * @param spoiled rows whose key is now bad in the input
     * @param left rows whose key is no longer in the input
     */
    public record Known(long kept, long changed, long spoiled, long left) {
        /** No table is updated. */
        public static final Known NONE = new Known(0, 0, 0, 0);

        /** The rows that the update removes; rows that have left the input are removed only if {@code prune} is set. */
        public long removed(boolean prune) {
            return changed + spoiled + (prune ? left : 0);
        }
    }

    public AuditedKeys {
        tableRows = List.copyOf(tableRows);
        bad = Map.copyOf(bad);
        unreferenced = Collections.unmodifiableMap(new TreeMap<>(unreferenced)); // always in the same order
    }

    /** For pairs: adds the row counts of the feature tables, and how many of their rows no pair refers to. */
    AuditedKeys referring(List<Long> ofFeatures, Map<String, Long> withoutPair) {
        List<Long> all = Stream.concat(tableRows.stream(), ofFeatures.stream()).toList();
        return new AuditedKeys(rows, all, bad, duplicateKeys, incomplete, known, withoutPair);
    }

    /** The rows to fuse, including bad ones: all rows except those that are unchanged in the table to update. */
    public long toFuse() {
        return rows - known.kept();
    }

    /** {@link #toFuse} as a share of all rows; 1 if there are no rows. */
    public double shareToFuse() {
        return rows == 0 ? 1 : (double) toFuse() / rows;
    }

    /** All rows whose key alone makes them bad. */
    public long badRows() {
        return sum(bad);
    }

    /** The bad rows that {@link BadKeys} writes. With a single table, the fusing tasks write the rows without a key instead. */
    public long setAside() {
        return sum(setAsideByReason());
    }

    /** The rows of {@link #setAside} by reason. */
    Map<Reason, Long> setAsideByReason() {
        Map<Reason, Long> setAside = new HashMap<>(bad);
        if (!joins()) {
            setAside.remove(Reason.NULL_KEY);
        }
        return setAside;
    }

    private static long sum(Map<Reason, Long> rows) {
        return rows.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Whether there are several tables. */
    boolean joins() {
        return tableRows.size() > 1;
    }
}
