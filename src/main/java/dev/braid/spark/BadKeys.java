package dev.braid.spark;

import dev.braid.decode.Fault;
import dev.braid.decode.Reason;
import dev.braid.rows.SparkRows;
import dev.braid.rows.ValueRows;
import dev.braid.tables.SourceTable;
import dev.braid.task.Quarantine;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * Turns counts of bad keys into quarantine rows: one for each row that is not fused because of its key. The row says how
 * often each table has the key. Rows are made one at a time, so a key that occurs a million times takes little memory.
 */
final class BadKeys implements Serializable {
    private static final long serialVersionUID = 1L;

    private final DataType key;
    private final String column;
    private final List<String> modalities;
    private final List<Referring> references;
    private final String runId;

    /**
     * A column of pairs that refers to a feature table.
     *
     * @param modality the modality of that table
     */
    private record Referring(String modality, String column) implements Serializable {}

    /**
     * The quarantine rows of the bad keys that {@code counts} finds.
     *
     * @param column the key's name in the user's tables
     * @param tables those that have the key
     * @param references for pairs, how they refer to feature tables; empty if the tables themselves have the key
     */
    static JavaRDD<InternalRow> of(
            KeyCounts counts,
            AuditedKeys keys,
            String column,
            List<SourceTable> tables,
            List<ReferencedModality> references,
            String runId) {
        List<String> modalities = tables.stream()
                .map(table -> table.features().stream()
                        .map(feature -> feature.modality().name())
                        .collect(Collectors.joining(", ")))
                .toList();
        List<Referring> referring = references.stream()
                .map(modality -> new Referring(
                        modality.feature().modality().name(),
                        modality.reference().column()))
                .toList();
        BadKeys bad = new BadKeys(counts.keyType(), column, modalities, referring, runId);
        return SparkRows.internal(counts.rows().filter(counts.isSetAside(keys))).mapPartitions(bad::rows);
    }

    /**
     * A writer of bad keys.
     *
     * @param modalities for each table that has the key, its modalities as one text
     */
    private BadKeys(DataType key, String column, List<String> modalities, List<Referring> references, String runId) {
        this.references = List.copyOf(references);
        this.key = key;
        this.column = column;
        this.modalities = List.copyOf(modalities);
        this.runId = runId;
    }

    /** A fault and the number of rows that have it. */
    private record Repeated(Fault fault, long rows) {}

    /**
     * Rows of {@link Quarantine#schema}, each valid until the next one.
     *
     * @param counts rows of {@link KeyCounts#rows} whose keys are bad
     */
    private Iterator<InternalRow> rows(Iterator<InternalRow> counts) {
        ValueRows out = new ValueRows(Quarantine.schema(key));
        return new Iterator<>() {
            private Iterator<Repeated> faults = Collections.emptyIterator();
            private Object value;
            private Fault fault;
            private long left;

            @Override
            public boolean hasNext() {
                while (left == 0 && (faults.hasNext() || counts.hasNext())) {
                    if (faults.hasNext()) {
                        Repeated repeated = faults.next();
                        fault = repeated.fault();
                        left = repeated.rows();
                    } else {
                        InternalRow count = counts.next();
                        value = count.isNullAt(0) ? null : count.get(0, key);
                        faults = faults(count).iterator();
                    }
                }
                return left > 0;
            }

            @Override
            public InternalRow next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                left--;
                return Quarantine.row(out, value, fault, null, runId);
            }
        };
    }

    private List<Repeated> faults(InternalRow count) {
        List<Repeated> nulls = new ArrayList<>();
        List<String> missing = new ArrayList<>();
        long most = 0;
        for (int t = 0; t < modalities.size(); t++) {
            String own = modalities.get(t);
            long number = count.getLong(1 + t);
            most = Math.max(most, number);
            if (number == 0) {
                missing.add(own);
            }
            nulls.add(new Repeated(
                    new Fault(Reason.NULL_KEY, own.isEmpty() ? null : own, column, null, "is null, expected a key"),
                    number));
        }
        if (count.isNullAt(0)) {
            return nulls;
        }
        if (most == 1 && !references.isEmpty()) {
            return List.of(new Repeated(unresolved(count), 1));
        }
        boolean duplicate = most > 1;
        Reason reason = duplicate ? Reason.DUPLICATE_KEY : Reason.MISSING_MODALITY;
        String modality = duplicate ? null : String.join(", ", missing);
        return List.of(new Repeated(new Fault(reason, modality, column, null, occurs(count)), most));
    }

    /** The fault of a pair that refers to no row or to several. */
    private Fault unresolved(InternalRow count) {
        for (boolean several : new boolean[] {true, false}) {
            for (int m = 0; m < references.size(); m++) {
                long rows = count.getLong(1 + modalities.size() + m);
                Referring referring = references.get(m);
                if (several ? rows > 1 : rows == 0) {
                    String detail = "refers to " + (several ? rows + " rows" : "no row") + " of the table of '"
                            + referring.modality() + "', expected one";
                    Reason reason = several ? Reason.DUPLICATE_ID : Reason.MISSING_MODALITY;
                    return new Fault(reason, referring.modality(), referring.column(), null, detail);
                }
            }
        }
        throw new IllegalStateException("every id of the pair occurs once");
    }

    private String occurs(InternalRow count) {
        List<String> places = new ArrayList<>();
        for (int t = 0; t < modalities.size(); t++) {
            String times = count.getLong(1 + t) == 1 ? " time" : " times";
            String place = modalities.size() > 1 ? " in the table of '" + modalities.get(t) + "'" : "";
            places.add(count.getLong(1 + t) + times + place);
        }
        return "occurs " + String.join(", ", places) + ", expected once" + (modalities.size() > 1 ? " in each" : "");
    }
}
