package dev.braid.spark;

import static org.apache.spark.sql.functions.col;

import dev.braid.tables.PairedColumns;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Joins pairs with the features that they refer to. First, a join of the ids alone finds the places of the feature rows. Then
 * the pairs are shuffled to one feature table after another, and take its features along. The modality whose features are the
 * most expensive to move comes last: its features stay where they are read.
 *
 * @param counts counts the keys in the given number of tasks
 * @param countTasks the number of tasks that read ids
 * @param tasks the number of tasks among which pairs should be divided
 */
record ReferencePairing(
        ReferencedTables tables, TableColumns columns, IntFunction<KeyCounts> counts, int countTasks, int tasks)
        implements Pairing {

    /** If an id occurs twice, a pair that refers to it gives two rows. The audit of the keys finds such ids. */
    @Override
    public PairedTable all() {
        return joined(tables.pairs());
    }

    @Override
    public PairedTable without(AuditedKeys keys) {
        return keys.bad().isEmpty() ? all() : some(keys);
    }

    @Override
    public PairedTable updating(AuditedKeys keys) {
        return some(keys);
    }

    private PairedTable some(AuditedKeys keys) {
        boolean few = keys.toFuse() <= KeyCounts.BROADCAST_KEYS;
        Dataset<Row> fusible = counts.apply(countTasks).fusible(keys.incomplete());
        Dataset<Row> pairs = few ? tables.pairs() : tables.pairs().repartition(countTasks, col(PairedColumns.KEY));
        return joined(pairs.join(fusible.hint(few ? "broadcast" : "merge"), PairedColumns.KEY));
    }

    private PairedTable joined(Dataset<Row> pairs) {
        List<Integer> order = lightestFirst();
        List<PairPartitions> partitions = IntStream.range(0, order.size())
                .mapToObj(m ->
                        PairPartitions.of(tables.modalities().get(m).splits(), tables.counts(m, countTasks), tasks))
                .toList();
        Dataset<Row> rows = pairs;
        for (int m = 0; m < order.size(); m++) {
            rows = placed(rows, m, partitions.get(m));
        }
        List<String> taken = new ArrayList<>(
                List.of(pairs.columns()).subList(0, columns.carried().size()));
        for (int o = 0; ; o++) {
            int m = order.get(o);
            FeatureJoin join = join(rows, m, partitions.get(m), taken, order.subList(o + 1, order.size()));
            if (o == order.size() - 1) {
                return PairedTable.joined(join, columns);
            }
            rows = join.rows().drop(ReferencedTables.PLACE);
            taken.addAll(List.of(tables.modalities().get(m).columns().fieldNames()));
        }
    }

    /** The modalities, from the cheapest features to move to the most expensive. */
    private List<Integer> lightestFirst() {
        return IntStream.range(0, tables.modalities().size())
                .boxed()
                .sorted(Comparator.comparingLong(m -> tables.modalities().get(m).saved(tables.counts(m, countTasks))))
                .toList();
    }

    /** The pairs, each with the place of the row that it refers to. */
    private Dataset<Row> placed(Dataset<Row> pairs, int modality, PairPartitions partitions) {
        Dataset<Row> ids = partitions.pieces() == 1
                ? tables.ids(modality, countTasks)
                : tables.referencedInOrder(modality, countTasks);
        Dataset<Row> placed = ReferencedTables.joined(pairs, modality, ids, countTasks);
        for (String known : ReferencedTables.KNOWN) {
            placed = placed.withColumnRenamed(known, known + modality);
        }
        return placed;
    }

    /**
     * Brings the pairs to a modality's features.
     *
     * @param taken the columns that the pairs have taken along so far, carried ones first
     * @param next the modalities to which the pairs are brought afterwards
     */
    private FeatureJoin join(
            Dataset<Row> rows, int modality, PairPartitions partitions, List<String> taken, List<Integer> next) {
        List<String> selected = new ArrayList<>(taken);
        for (String column : rows.columns()) {
            if (next.stream()
                    .anyMatch(m -> ReferencedTables.KNOWN.stream().anyMatch(known -> column.equals(known + m)))) {
                selected.add(column);
            }
        }
        selected.add(ReferencedTables.PLACE);
        Dataset<Row> own = rows;
        for (String known : ReferencedTables.KNOWN) {
            own = own.withColumnRenamed(known + modality, known);
        }
        return new FeatureJoin(
                tables.modalities().get(modality),
                partitions.shuffled(own, selected),
                partitions,
                columns.carried().size());
    }
}
