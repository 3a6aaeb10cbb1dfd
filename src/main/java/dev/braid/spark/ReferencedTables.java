package dev.braid.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import dev.braid.tables.SourceTable;
import dev.braid.tables.SourceTables;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;

/** A table of pairs, and the feature tables whose rows it refers to by their ids. Driver only. */
public final class ReferencedTables {
    /** The column that identifies the rows of a feature table. */
    static final String ID = "id";
    /** The place of a row in a feature table, as {@code monotonically_increasing_id} numbers it. */
    static final String PLACE = "place";
    /** How many pairs refer to a row. */
    static final String PAIRS = "pairs";
    /** How many pairs refer to the earlier rows of its split. */
    static final String PAIRS_BEFORE = "pairs_before";

    /** The columns about a feature row that are joined to the pairs that refer to it. */
    static final List<String> KNOWN = List.of(PLACE, PAIRS, PAIRS_BEFORE);

    private final SourceTable pairsTable;
    private final Dataset<Row> pairs;
    private final List<ReferencedModality> modalities;
    private final Map<Integer, FeatureIds> featureIds = new HashMap<>();
    private final Map<Integer, ReferenceCounts> counted = new HashMap<>();

    ReferencedTables(SourceTable pairsTable, Dataset<Row> pairs, List<ReferencedModality> modalities) {
        this.pairsTable = pairsTable;
        this.pairs = pairs;
        this.modalities = modalities;
    }

    /** The pairs, then the feature tables, each once. */
    public SourceTables sources() {
        return new SourceTables(
                Stream.concat(Stream.of(pairsTable), modalities.stream().map(ReferencedModality::table))
                        .distinct()
                        .toList());
    }

    /** The key, the kept columns and the {@link #reference references}, under the names of {@link PairedTable}. */
    Dataset<Row> pairs() {
        return pairs;
    }

    public List<ReferencedModality> modalities() {
        return modalities;
    }

    /** The column of the pairs that refers to a modality. */
    static String reference(int modality) {
        return "reference" + modality;
    }

    /** Bytes to fuse: one row of every feature table for each pair. */
    long bytes() {
        long features = modalities.stream()
                .mapToLong(modality -> modality.table().rows().largestRow())
                .sum();
        return pairsTable.rows().rows() * features;
    }

    /**
     * The ids of a feature table and the places of their rows, partitioned by id. Modalities with the same ids share them.
     *
     * @param tasks the number of partitions, the same at every call
     */
    synchronized Dataset<Row> ids(int modality, int tasks) {
        ReferencedModality wanted = modalities.get(modality);
        int first = IntStream.range(0, modality)
                .filter(m -> modalities.get(m).hasIdsOf(wanted))
                .findFirst()
                .orElse(modality);
        // Spark does not know how these rows are partitioned, so each query shuffles the ids, though it reads no table.
        return featureIds
                .computeIfAbsent(first, m -> new FeatureIds(modalities.get(m).ids(), tasks))
                .table()
                .repartition(tasks, col(ID));
    }

    /**
     * Counts the ids of a modality and the pairs that refer to them, in one pass.
     *
     * @param allPairs the number of pairs
     */
    public ReferenceSummary inspect(int modality, long allPairs, int tasks) {
        String rows = "n";
        Dataset<Row> found = modalities
                .get(modality)
                .rows()
                .repartition(tasks, col(ID))
                .groupBy(ID)
                .agg(count(lit(1)).as(rows));
        Column times = coalesce(col(rows), lit(0L));
        Row counts = found.hint("merge")
                .join(referring(modality, tasks).hint("merge"), new String[] {ID}, "full_outer")
                .agg(
                        total(times),
                        total(when(col(PAIRS).isNull(), times)),
                        total(col(PAIRS)),
                        total(when(times.equalTo(0), col(PAIRS))),
                        total(when(times.gt(1), col(PAIRS))),
                        expr("percentile_approx(case when n > 0 then pairs end, array(0.5d, 0.95d, 1d))"))
                .head();
        List<Long> ranks = counts.isNullAt(5) ? List.of(0L, 0L, 0L) : counts.getList(5);
        return new ReferenceSummary(
                counts.getLong(0),
                counts.getLong(1),
                allPairs - counts.getLong(2),
                counts.getLong(3),
                counts.getLong(4),
                ranks.get(0),
                ranks.get(1),
                ranks.get(2));
    }

    private static Column total(Column number) {
        return coalesce(sum(number), lit(0L));
    }

    /** How often each key occurs, and the ids that its pair refers to. */
    KeyCounts keyCounts(KeyCounts.Published published, int tasks) {
        Dataset<Row> resolved = pairs;
        for (int m = 0; m < modalities.size(); m++) {
            Dataset<Row> times = ids(m, tasks).groupBy(ID).agg(count(lit(1)).as(KeyCounts.reference(m)));
            resolved = joined(resolved, m, times, tasks)
                    .withColumn(KeyCounts.reference(m), coalesce(col(KeyCounts.reference(m)), lit(0L)));
        }
        return KeyCounts.ofPairs(resolved, modalities.size(), published, tasks);
    }

    /**
     * The pairs, with columns about the feature rows that they refer to.
     *
     * @param found rows with {@link #ID}, each id once, partitioned by it
     */
    static Dataset<Row> joined(Dataset<Row> pairs, int modality, Dataset<Row> found, int tasks) {
        Dataset<Row> own = pairs.repartition(tasks, col(reference(modality)));
        return own.hint("merge")
                .join(found.hint("merge"), col(reference(modality)).equalTo(col(ID)), "left_outer")
                .drop(ID);
    }

    /** The ids of a feature table, the places of their rows, and how many pairs refer to them (null if none). */
    Dataset<Row> referenced(int modality, int tasks) {
        return ids(modality, tasks)
                .hint("merge")
                .join(referring(modality, tasks).hint("merge"), new String[] {ID}, "left_outer");
    }

    /** The ids that pairs refer to, each once, with the number of these pairs. */
    private Dataset<Row> referring(int modality, int tasks) {
        return pairs.select(col(reference(modality)).as(ID))
                .where(col(ID).isNotNull())
                .repartition(tasks, col(ID))
                .groupBy(ID)
                .agg(count(lit(1)).as(PAIRS));
    }

    /** {@link #referenced} without the rows that no pair refers to, and with the pairs before each row in its split. */
    Dataset<Row> referencedInOrder(int modality, int tasks) {
        String split = "split";
        WindowSpec before = Window.partitionBy(split).orderBy(PLACE).rowsBetween(Window.unboundedPreceding(), -1);
        return referenced(modality, tasks)
                .where(col(PAIRS).isNotNull())
                .withColumn(split, PairPartitions.split(PLACE))
                .repartition(tasks, col(split))
                .withColumn(PAIRS_BEFORE, coalesce(sum(PAIRS).over(before), lit(0L)))
                .drop(split)
                .repartition(tasks, col(ID));
    }

    /** Counts of the ids of a modality, computed at most once. */
    synchronized ReferenceCounts counts(int modality, int tasks) {
        return counted.computeIfAbsent(modality, m -> ReferenceCounts.of(referenced(m, tasks)));
    }

    /** The number of rows of each feature table in {@link #sources}, in that order. */
    List<Long> rows(List<SourceTable> sources, int tasks) {
        return sources.stream()
                .skip(1)
                .map(table -> IntStream.range(0, modalities.size())
                        .filter(m -> modalities.get(m).table().equals(table))
                        .mapToObj(m -> counts(m, tasks).rows())
                        .findFirst()
                        .orElseThrow())
                .toList();
    }

    /** The number of rows that no pair refers to, by modality. */
    Map<String, Long> unreferenced(int tasks) {
        Map<String, Long> unreferenced = new LinkedHashMap<>();
        IntStream.range(0, modalities.size())
                .forEach(m -> unreferenced.put(
                        modalities.get(m).feature().modality().name(),
                        counts(m, tasks).unreferenced()));
        return unreferenced;
    }
}
