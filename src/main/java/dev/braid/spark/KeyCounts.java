package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;

/**
 * How often each key occurs in each table: a row per distinct key, null too. Keys alone are read and shuffled, whenever an
 * action asks for them.
 */
final class KeyCounts {
    /** Why a key is bad; the first one that holds is its reason. */
    static final List<Reason> REASONS = List.of(Reason.NULL_KEY, Reason.DUPLICATE_KEY, Reason.MISSING_MODALITY);

    private static final String KEY = PairedTable.KEY;
    private static final String SIDE = "side";

    private final Dataset<Row> rows;
    private final List<Column> tables;

    private KeyCounts(Dataset<Row> rows, int tables) {
        this.rows = rows;
        this.tables = IntStream.range(0, tables).mapToObj(t -> col(count(t))).toList();
    }

    /**
     * The counts.
     *
     * @param tables each with a column {@link PairedTable#KEY}
     * @param tasks how many tasks count; the result is partitioned by key into as many
     */
    static KeyCounts of(List<Dataset<Row>> tables, int tasks) {
        Dataset<Row> keys = null;
        Column[] counts = new Column[tables.size()];
        for (int t = 0; t < tables.size(); t++) {
            Dataset<Row> own = tables.get(t).select(col(KEY), lit(t).as(SIDE));
            keys = keys == null ? own : keys.union(own);
            counts[t] = sum(when(col(SIDE).equalTo(t), 1L).otherwise(0L)).as(count(t));
        }
        Dataset<Row> rows = keys.repartition(tasks, col(KEY))
                .groupBy(col(KEY))
                .agg(
                        counts[0],
                        IntStream.range(1, counts.length)
                                .mapToObj(t -> counts[t])
                                .toArray(Column[]::new));
        return new KeyCounts(rows, tables.size());
    }

    /** The key, then a column per table. */
    Dataset<Row> rows() {
        return rows;
    }

    /** How often a key occurs, a column per table. */
    List<Column> tables() {
        return tables;
    }

    DataType keyType() {
        return rows.schema().fields()[0].dataType();
    }

    /** How many rows of a paired table a key stands for: null for all of its rows, since they have nothing in common. */
    Column pairedRows() {
        Column all = tables.stream().reduce(Column::plus).orElseThrow();
        return when(col(KEY).isNull(), all).otherwise(most());
    }

    Column isDuplicate() {
        return is(Reason.DUPLICATE_KEY);
    }

    /** Whether that is the reason why a key is bad. */
    Column is(Reason reason) {
        Column named = col(KEY).isNotNull();
        Column missing = tables.stream()
                .map(table -> table.equalTo(0))
                .reduce(Column::or)
                .orElseThrow();
        return switch (reason) {
            case NULL_KEY -> col(KEY).isNull();
            case DUPLICATE_KEY -> named.and(most().gt(1));
            case MISSING_MODALITY -> named.and(most().leq(1)).and(missing);
            default -> throw new IllegalArgumentException("no fault of a key: " + reason);
        };
    }

    /** The keys that occur more than once in a table. */
    Dataset<Row> duplicates() {
        return rows.filter(isDuplicate()).select(KEY);
    }

    /** The keys whose rows are fused. */
    Dataset<Row> fusible(boolean incomplete) {
        Column bad = is(Reason.NULL_KEY).or(isDuplicate());
        return rows.filter(functions.not(incomplete ? bad : bad.or(is(Reason.MISSING_MODALITY))))
                .select(KEY);
    }

    /** The keys that are left out before features are read. */
    Column isSetAside(AuditedKeys keys) {
        Column setAside = lit(false);
        for (Reason reason : keys.bad().keySet()) {
            if (reason != Reason.NULL_KEY || keys.joins()) {
                setAside = setAside.or(is(reason));
            }
        }
        return setAside;
    }

    private Column most() {
        return tables.size() == 1 ? tables.get(0) : functions.greatest(tables.toArray(Column[]::new));
    }

    private static String count(int table) {
        return "n" + table;
    }
}
