package dev.braid.spark;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What the audit of the keys, and of the ids that pairs refer to, found.
 *
 * @param rows the rows of the paired table, bad ones included: one per key; if a table repeats the key, as many as it has of
 *     it; and one per row without a key
 * @param tableRows the rows of each table
 * @param bad the rows whose key alone makes them bad, by reason; empty if there are none
 * @param duplicateKeys the number of keys that occur more than once in a table
 * @param incomplete whether rows are to be fused that lack a modality
 * @param known what it found of the table that is updated; nothing if there is none
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
     * Rows of a table that is updated.
     *
     * @param kept that the input still has as they are
     * @param changed whose version in the input is another
     * @param spoiled whose key is bad in the input now
     * @param left whose key the input does not have any more
     */
    public record Known(long kept, long changed, long spoiled, long left) {
        /** No table is updated. */
        public static final Known NONE = new Known(0, 0, 0, 0);

        /** Those that go. */
        public long removed(boolean prune) {
            return changed + spoiled + (prune ? left : 0);
        }
    }

    public AuditedKeys {
        tableRows = List.copyOf(tableRows);
        bad = Map.copyOf(bad);
        unreferenced = Collections.unmodifiableMap(new TreeMap<>(unreferenced)); // in one order
    }

    /** The same of pairs: the rows of the feature tables, and those of them that no pair refers to. */
    AuditedKeys referring(List<Long> ofFeatures, Map<String, Long> withoutPair) {
        List<Long> all = Stream.concat(tableRows.stream(), ofFeatures.stream()).toList();
        return new AuditedKeys(rows, all, bad, duplicateKeys, incomplete, known, withoutPair);
    }

    /** Keys of which none is bad, of so many rows. */
    public static AuditedKeys good(long rows) {
        return new AuditedKeys(rows, List.of(rows), Map.of(), 0, false, Known.NONE, Map.of());
    }

    /** The rows that are not in the table that is updated, or not as the input has them; bad ones included. */
    public long toFuse() {
        return rows - known.kept();
    }

    /** The share of all rows that {@link #toFuse} is. */
    public double shareToFuse() {
        return rows == 0 ? 1 : (double) toFuse() / rows;
    }

    /** All rows whose key alone makes them bad. */
    public long badRows() {
        return bad.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Those of them that {@link BadKeys} writes; a task meets the others when it reads them. */
    public long setAside() {
        return badRows() - (joins() ? 0 : bad.getOrDefault(Reason.NULL_KEY, 0L));
    }

    /** Whether there are several tables. */
    boolean joins() {
        return tableRows.size() > 1;
    }
}
