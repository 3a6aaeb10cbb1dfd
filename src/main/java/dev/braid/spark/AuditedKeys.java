package dev.braid.spark;

import java.util.List;
import java.util.Map;

/**
 * What the audit of the keys found.
 *
 * @param rows the rows of the paired table, bad ones included: one per key; if a table repeats the key, as many as it has of
 *     it; and one per row without a key
 * @param tableRows the rows of each table
 * @param bad the rows whose key alone makes them bad, by reason; empty if there are none
 * @param duplicateKeys the number of keys that occur more than once in a table
 * @param incomplete whether rows are to be fused that lack a modality
 */
public record AuditedKeys(
        long rows, List<Long> tableRows, Map<Reason, Long> bad, long duplicateKeys, boolean incomplete) {

    public AuditedKeys {
        tableRows = List.copyOf(tableRows);
        bad = Map.copyOf(bad);
    }

    /** Keys of which none is bad, of so many rows. */
    public static AuditedKeys good(long rows) {
        return new AuditedKeys(rows, List.of(rows), Map.of(), 0, false);
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
