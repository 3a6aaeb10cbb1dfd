package dev.braid.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.Shown;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import dev.braid.tables.PairedColumns;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.BinaryType;

/**
 * Checks the keys of all tables, and reads no other column: each key must occur once in every table. One pass counts the
 * faults. If faults end the run, a further pass for each fetches examples.
 */
final class KeyAudit {
    private static final int EXAMPLES = 5;
    /** The number of counts in {@link AuditedKeys.Known}. */
    private static final int KNOWN = 4;

    private static final String KEY = PairedColumns.KEY;

    private final List<String> names;
    private final List<ReferencedModality> references;
    private final String keyColumn;
    private final RowPolicy policy;
    private final KeyCounts counts;
    private final List<Fault> faults;

    /**
     * One fault for the error message: the keys that have it, the column to sum up, and the text before and after this sum.
     */
    private record Fault(Reason reason, Column condition, Column number, String before, String thing, String after) {}

    /**
     * An audit that has not run yet.
     *
     * @param names how messages call the tables that have the key
     * @param references how pairs refer to feature tables, by modality; empty if the tables themselves have the key
     * @param keyColumn how messages call the key
     */
    KeyAudit(
            KeyCounts counts,
            List<String> names,
            List<ReferencedModality> references,
            String keyColumn,
            RowPolicy policy) {
        this.references = references;
        this.names = names;
        this.keyColumn = keyColumn;
        this.policy = policy;
        this.counts = counts;
        this.faults = faults();
    }

    /**
     * Counts rows and bad keys.
     *
     * @throws InputException if there are bad keys that the policy does not set aside: the message counts all null, duplicate
     *     and missing keys and gives examples. Also if more rows would be set aside than the policy allows
     */
    AuditedKeys audit() {
        List<Column> totals = new ArrayList<>();
        counts.tables().forEach(table -> totals.add(total(table)));
        totals.add(total(counts.pairedRows()));
        totals.add(total(when(counts.isDuplicate(), 1).otherwise(0)));
        for (Reason reason : KeyCounts.REASONS) {
            totals.add(total(when(counts.is(reason), counts.pairedRows()).otherwise(0)));
        }
        boolean fusesRest = policy.fusesRest();
        Column good = counts.isInput().and(functions.not(counts.isBad(fusesRest)));
        totals.add(total(when(good.and(counts.isKept()), counts.published())));
        totals.add(total(when(good.and(counts.isChanged()), counts.published())));
        totals.add(total(when(counts.isInput().and(counts.isBad(fusesRest)), counts.published())));
        totals.add(total(when(functions.not(counts.isInput()), counts.published())));
        faults.forEach(fault ->
                totals.add(total(when(fault.condition(), fault.number()).otherwise(0))));
        Row found = counts.rows()
                .agg(totals.get(0), totals.subList(1, totals.size()).toArray(Column[]::new))
                .head();
        int next = names.size() + 2 + KeyCounts.REASONS.size() + KNOWN;
        List<String> problems = new ArrayList<>();
        for (Fault fault : faults) {
            long number = found.getLong(next++);
            if (number > 0) {
                problems.add(problem(fault, number));
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot pair rows by key '" + keyColumn + "'", problems);
        }
        AuditedKeys audited = audited(found);
        policy.maxBadRows().check(audited.badRows(), audited.rows());
        return audited;
    }

    private AuditedKeys audited(Row found) {
        List<Long> tableRows = new ArrayList<>();
        for (int t = 0; t < names.size(); t++) {
            tableRows.add(found.getLong(t));
        }
        int next = names.size();
        long rows = found.getLong(next++);
        long duplicateKeys = found.getLong(next++);
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        for (Reason reason : KeyCounts.REASONS) {
            long number = found.getLong(next++);
            if (number > 0 && (reason != Reason.MISSING_MODALITY || !policy.fusesRest())) {
                bad.put(reason, number);
            }
        }
        boolean anyMissing = found.getLong(next - 1) > 0;
        AuditedKeys.Known known = new AuditedKeys.Known(
                found.getLong(next), found.getLong(next + 1), found.getLong(next + 2), found.getLong(next + 3));
        return new AuditedKeys(rows, tableRows, bad, duplicateKeys, policy.fusesRest() && anyMissing, known, Map.of());
    }

    /** The faults that end the run. */
    private List<Fault> faults() {
        List<Fault> all = new ArrayList<>();
        Column setAside = policy.quarantines(Reason.DUPLICATE_KEY) ? counts.isDuplicate() : lit(false);
        for (int t = 0; t < names.size(); t++) {
            String name = names.get(t);
            Column own = counts.tables().get(t);
            String table = "table '" + name + "': expected ";
            all.add(new Fault(
                    Reason.NULL_KEY, col(KEY).isNull(), own, table + "a key in every row, got null in ", "row", ""));
            all.add(new Fault(
                    Reason.DUPLICATE_KEY,
                    col(KEY).isNotNull().and(own.gt(1)),
                    lit(1L),
                    table + "every key once, got ",
                    "key",
                    " more than once"));
            String others = names.stream()
                    .filter(other -> !other.equals(name))
                    .map(other -> "'" + other + "'")
                    .collect(Collectors.joining(", "));
            all.add(new Fault(
                    Reason.MISSING_MODALITY,
                    col(KEY).isNotNull()
                            .and(counts.isInput())
                            .and(own.equalTo(0))
                            .and(functions.not(setAside)),
                    lit(1L),
                    table + "every key of " + others + ", got ",
                    "key",
                    " missing"));
        }
        for (int m = 0; m < references.size(); m++) {
            ReferencedModality referenced = references.get(m);
            Column own = counts.references().get(m);
            Column named = col(KEY).isNotNull().and(counts.isInput()).and(functions.not(setAside));
            String table = "table '" + referenced.table().name() + "': expected ";
            String ids = "'" + referenced.reference().column() + "' of '" + names.get(0) + "'";
            all.add(new Fault(
                    Reason.DUPLICATE_ID,
                    named.and(own.gt(1)),
                    lit(1L),
                    table + "the ids in " + ids + " once ('"
                            + referenced.reference().id() + "'), got ",
                    "pair",
                    " with one that occurs more than once"));
            Column ambiguous = policy.quarantines(Reason.DUPLICATE_ID) ? counts.is(Reason.DUPLICATE_ID) : lit(false);
            all.add(new Fault(
                    Reason.MISSING_MODALITY,
                    named.and(own.equalTo(0)).and(functions.not(ambiguous)),
                    lit(1L),
                    table + "every id in " + ids + " ('"
                            + referenced.reference().id() + "'), got ",
                    "pair",
                    " with none or one that is missing"));
        }
        all.removeIf(fault -> policy.quarantines(fault.reason())
                || (fault.reason() == Reason.MISSING_MODALITY && policy.fusesRest()));
        all.add(new Fault(
                Reason.DUPLICATE_KEY,
                counts.published().gt(1),
                lit(1L),
                "the table to update: expected every key once, although several runs wrote its partitions, got ",
                "key",
                " more than once"));
        return all;
    }

    private String problem(Fault fault, long number) {
        String text = fault.before() + Numbers.plain(number, fault.thing()) + fault.after();
        boolean binary = counts.keyType() instanceof BinaryType;
        Column printed = binary ? functions.hex(col(KEY)) : col(KEY).cast("string");
        List<Row> examples = counts.rows()
                .filter(fault.condition().and(col(KEY).isNotNull()))
                .orderBy(col(KEY))
                .select(printed)
                .limit(EXAMPLES)
                .collectAsList();
        return examples.isEmpty()
                ? text
                : examples.stream()
                        .map(row -> "'" + Shown.value(row.getString(0)) + "'")
                        .collect(Collectors.joining(", ", text + ", such as ", ""));
    }

    private static Column total(Column number) {
        return coalesce(sum(number), lit(0L));
    }
}
