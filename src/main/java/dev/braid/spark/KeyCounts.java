package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * How often each key occurs in each table: a row per distinct key, null too. Keys alone are read and shuffled, whenever an
 * action asks for them. Where a table is updated, its keys are among them.
 */
final class KeyCounts {
    /** Why a key is bad; the first one that holds is its reason. */
    static final List<Reason> REASONS = List.of(Reason.NULL_KEY, Reason.DUPLICATE_KEY, Reason.MISSING_MODALITY);

    private static final String KEY = PairedTable.KEY;
    private static final String SIDE = "side";
    private static final String VERSION = "version";
    private static final String PUBLISHED = "published";
    private static final String CHANGED = "changed";

    private final Dataset<Row> rows;
    private final List<Column> tables;

    private KeyCounts(Dataset<Row> rows, int tables) {
        this.rows = rows;
        this.tables = IntStream.range(0, tables).mapToObj(t -> col(count(t))).toList();
    }

    /**
     * The keys of a table that is updated.
     *
     * @param rows its column {@link PairedTable#KEY} and, if there is one, the version
     * @param version the column whose value tells whether a row has changed, as paired tables call it, of the type in which
     *     versions are compared; null if none does
     */
    record Published(Dataset<Row> rows, String version) {}

    /**
     * The counts.
     *
     * @param tables each with a column {@link PairedTable#KEY}
     * @param tasks how many tasks count; the result is partitioned by key into as many
     */
    static KeyCounts of(List<Dataset<Row>> tables, int tasks) {
        return of(tables, null, tasks);
    }

    /** The same with the keys of a table that is updated; null if there is none. */
    static KeyCounts of(List<Dataset<Row>> tables, Published published, int tasks) {
        List<Dataset<Row>> sides = new ArrayList<>(tables);
        List<Column> found = new ArrayList<>();
        for (int t = 0; t < tables.size(); t++) {
            found.add(sum(when(col(SIDE).equalTo(t), 1L).otherwise(0L)).as(count(t)));
        }
        Column ofPublished = col(SIDE).equalTo(tables.size());
        boolean versions = published != null && published.version() != null;
        if (published != null) {
            sides.add(published.rows());
            found.add(sum(when(ofPublished, 1L).otherwise(0L)).as(PUBLISHED));
        }
        if (versions) {
            Column input = max(when(not(ofPublished), col(VERSION)));
            found.add(
                    not(input.eqNullSafe(max(when(ofPublished, col(VERSION))))).as(CHANGED));
        }
        Dataset<Row> keys = null;
        for (int s = 0; s < sides.size(); s++) {
            Dataset<Row> side = sides.get(s);
            Dataset<Row> own = versions
                    ? side.select(
                            col(KEY), lit(s).as(SIDE), version(side, published).as(VERSION))
                    : side.select(col(KEY), lit(s).as(SIDE));
            keys = keys == null ? own : keys.union(own);
        }
        Dataset<Row> rows = keys.repartition(tasks, col(KEY))
                .groupBy(col(KEY))
                .agg(found.get(0), found.subList(1, found.size()).toArray(Column[]::new));
        if (published == null) {
            rows = rows.withColumn(PUBLISHED, lit(0L));
        }
        return new KeyCounts(versions ? rows : rows.withColumn(CHANGED, lit(false)), tables.size());
    }

    /** The version in a struct, which is null in a table without one: the version itself may be null in any. */
    private static Column version(Dataset<Row> side, Published published) {
        String name = published.version();
        DataType type = published.rows().schema().apply(name).dataType();
        if (List.of(side.columns()).contains(name)) {
            return functions.struct(col(name).cast(type).as(VERSION));
        }
        return lit(null).cast(new StructType().add(VERSION, type));
    }

    /** The key, then a column per table, then what is known of a table that is updated. */
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
            case MISSING_MODALITY -> named.and(most().equalTo(1)).and(missing);
            default -> throw new IllegalArgumentException("no fault of a key: " + reason);
        };
    }

    /** The keys that occur more than once in a table. */
    Dataset<Row> duplicates() {
        return rows.filter(isDuplicate()).select(KEY);
    }

    /** Whether the input has a key: the table that is updated may have others. */
    Column isInput() {
        return most().geq(1);
    }

    /** How many rows of the table that is updated have a key. */
    Column published() {
        return col(PUBLISHED);
    }

    /** Whether a key's row is in the table that is updated, with the version that it has in the input. */
    Column isKept() {
        return published().gt(0).and(not(col(CHANGED)));
    }

    /** Whether a key's row is in the table that is updated, with another version. */
    Column isChanged() {
        return published().gt(0).and(col(CHANGED)).and(isInput());
    }

    /** Whether a key's rows cannot be fused. */
    Column isBad(boolean incomplete) {
        Column bad = is(Reason.NULL_KEY).or(isDuplicate());
        return incomplete ? bad : bad.or(is(Reason.MISSING_MODALITY));
    }

    /** The keys whose rows are fused. */
    Dataset<Row> fusible(boolean incomplete) {
        return rows.filter(isFusible(incomplete)).select(KEY);
    }

    /** The same, with null for rows that have no key: tasks report them. */
    Dataset<Row> fusibleOrNull(boolean incomplete) {
        return rows.filter(isFusible(incomplete).or(is(Reason.NULL_KEY))).select(KEY);
    }

    private Column isFusible(boolean incomplete) {
        return isInput().and(not(isBad(incomplete))).and(not(isKept()));
    }

    /**
     * The keys whose rows go from the table that is updated.
     *
     * @param prune whether those go that the input does not have any more
     */
    Dataset<Row> removed(boolean incomplete, boolean prune) {
        Column replaced = isInput().and(isBad(incomplete).or(isChanged()));
        Column gone = not(isInput()).and(lit(prune));
        return rows.filter(published().gt(0).and(replaced.or(gone))).select(KEY);
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
