package dev.braid.spark;

import dev.braid.tables.PairedColumns;
import dev.braid.tables.SourceTable;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;

/**
 * Pairs the modalities by the key that each table has.
 *
 * @param tables with the columns that are read
 * @param stored the table, if there is only one; otherwise null
 * @param counts counts the keys in the given number of tasks
 * @param countTasks the number of tasks that count keys
 * @param tasks the number of tasks that fuse after a shuffle
 * @param shuffles whether to shuffle a single table too
 */
record KeyPairing(
        List<Dataset<Row>> tables,
        SourceTable stored,
        TableColumns columns,
        IntFunction<KeyCounts> counts,
        int countTasks,
        int tasks,
        boolean shuffles)
        implements Pairing {

    @Override
    public PairedTable all() {
        if (stored == null) {
            return PairedTable.joined(shuffled(tables), columns);
        }
        PairedTable single = PairedTable.stored(stored, tables.get(0), columns);
        return shuffles ? single.repartition(tasks) : single;
    }

    @Override
    public PairedTable without(AuditedKeys keys) {
        if (keys.duplicateKeys() == 0 && !keys.incomplete()) {
            return all();
        }
        if (stored == null) {
            return PairedTable.joined(counts.apply(tasks).fusible(keys.incomplete()), shuffled(tables), columns);
        }
        boolean few = keys.duplicateKeys() <= KeyCounts.BROADCAST_KEYS;
        PairedTable single = PairedTable.stored(stored, tables.get(0), columns);
        return (few && !shuffles ? single : single.repartition(tasks))
                .without(counts.apply(few ? countTasks : tasks).duplicates(), few);
    }

    @Override
    public PairedTable updating(AuditedKeys keys) {
        boolean few = keys.toFuse() <= KeyCounts.BROADCAST_KEYS;
        KeyCounts found = counts.apply(few ? countTasks : tasks);
        if (stored == null) {
            Dataset<Row> chosen = found.fusible(keys.incomplete());
            List<Dataset<Row>> parts = tables.stream()
                    .map(table -> ChosenRelation.of(table, chosen, few))
                    .collect(Collectors.toList());
            return PairedTable.joined(counts.apply(tasks).fusible(keys.incomplete()), shuffled(parts), columns);
        }
        Dataset<Row> chosen = found.fusibleOrNull(keys.incomplete());
        if (!shuffles) {
            return PairedTable.stored(stored, tables.get(0), columns).choosing(chosen, few);
        }
        Dataset<Row> part = ChosenRelation.of(tables.get(0), chosen, few);
        return PairedTable.joined(List.of(part), columns).repartition(tasks);
    }

    /** Shuffles here, so that the join needs no further shuffle and later settings do not change the number of its tasks. */
    private List<Dataset<Row>> shuffled(List<Dataset<Row>> parts) {
        return parts.stream()
                .map(part -> part.repartition(tasks, functions.col(PairedColumns.KEY)))
                .toList();
    }
}
