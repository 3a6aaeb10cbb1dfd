package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import dev.braid.decode.Reason;
import dev.braid.tables.PairedColumns;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * Counts how often each key occurs in each table: one row per distinct key, null included. Reads and shuffles only keys,
 * whenever an action needs the counts. For a table of pairs, it also counts how often the feature tables have the ids that a
 * pair refers to. If a table is to be updated, its keys are counted too.
 */
public final class KeyCounts {
    /** Up to this many keys are sent from the driver to every executor, instead of shuffling features. */
    public static final int BROADCAST_KEYS = 100_000;

    /** Why a key can be bad. The first reason that applies counts. */
    static final List<Reason> REASONS =
            List.of(Reason.NULL_KEY, Reason.DUPLICATE_KEY, Reason.DUPLICATE_ID, Reason.MISSING_MODALITY);

    private static final String KEY = PairedColumns.KEY;
    private static final String SIDE = "side";
    private static final String VERSION = "version";
    private static final String PUBLISHED = "published";
    private static final String CHANGED = "changed";

    private final Dataset<Row> rows;
    /** The counts in the tables that have the key. */
    private final List<Column> tables;
    /** The counts of the ids that a pair refers to, by modality; empty if the tables themselves have the key. */
    private final List<Column> references;

    private KeyCounts(Dataset<Row> rows, int tables, int references) {
        this.rows = rows;
        this.tables = IntStream.range(0, tables).mapToObj(t -> col(count(t))).toList();
        this.references =
                IntStream.range(0, references).mapToObj(m -> col(reference(m))).toList();
    }

    /**
     * The keys of a table to update.
     *
     * @param rows the column {@link PairedColumns#KEY} and, if there is one, the version
     * @param version the column whose value tells whether a row has changed, named as in paired tables and of the type in
     *     which versions are compared; null if there is none
     */
    public record Published(Dataset<Row> rows, String version) {}

    /**
     * Counts the keys of tables.
     *
     * @param tables each with a column {@link PairedColumns#KEY}
     * @param tasks the number of tasks that count, and of the result's partitions by key
     */
    public static KeyCounts of(List<Dataset<Row>> tables, int tasks) {
        return of(tables, null, tasks);
    }

    /** Counts the keys of tables and of a table to update ({@code published}, null if there is none). */
    static KeyCounts of(List<Dataset<Row>> tables, Published published, int tasks) {
        return of(tables, 0, published, tasks);
    }

    /**
     * Counts the keys of a table of pairs.
     *
     * @param pairs has, for each modality, a column {@link #reference} that says how often the feature table has the pair's
     *     id
     */
    static KeyCounts ofPairs(Dataset<Row> pairs, int modalities, Published published, int tasks) {
        return of(List.of(pairs), modalities, published, tasks);
    }

    private static KeyCounts of(List<Dataset<Row>> tables, int references, Published published, int tasks) {
        List<Dataset<Row>> sides = new ArrayList<>(tables);
        List<Column> found = new ArrayList<>();
        for (int t = 0; t < tables.size(); t++) {
            found.add(sum(when(col(SIDE).equalTo(t), 1L).otherwise(0L)).as(count(t)));
        }
        for (int m = 0; m < references; m++) {
            // The rows of a repeated key are bad anyway, so any of their counts will do.
            found.add(max(col(reference(m))).as(reference(m)));
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
            List<Column> selected = new ArrayList<>(List.of(col(KEY), lit(s).as(SIDE)));
            for (int m = 0; m < references; m++) {
                selected.add((s == 0 ? col(reference(m)) : lit(0L)).as(reference(m)));
            }
            if (versions) {
                selected.add(version(side, published).as(VERSION));
            }
            Dataset<Row> own = side.select(selected.toArray(Column[]::new));
            keys = keys == null ? own : keys.union(own);
        }
        Dataset<Row> rows = keys.repartition(tasks, col(KEY))
                .groupBy(col(KEY))
                .agg(found.get(0), found.subList(1, found.size()).toArray(Column[]::new));
        if (published == null) {
            rows = rows.withColumn(PUBLISHED, lit(0L));
        }
        return new KeyCounts(versions ? rows : rows.withColumn(CHANGED, lit(false)), tables.size(), references);
    }

    /**
     * The version in a struct. The struct is null in a table without a version; the version itself may be null in any table.
     */
    private static Column version(Dataset<Row> side, Published published) {
        String name = published.version();
        DataType type = published.rows().schema().apply(name).dataType();
        if (List.of(side.columns()).contains(name)) {
            return functions.struct(col(name).cast(type).as(VERSION));
        }
        return lit(null).cast(new StructType().add(VERSION, type));
    }

    /** The key, then a column per table, then one per reference, then two columns about a table to update. */
    public Dataset<Row> rows() {
        return rows;
    }

    /** How often each table has the key: a column per table. */
    List<Column> tables() {
        return tables;
    }

    /** How often each feature table has the id that a pair refers to: a column per modality; empty without pairs. */
    List<Column> references() {
        return references;
    }

    DataType keyType() {
        return rows.schema().fields()[0].dataType();
    }

    /** How many rows of the paired table have the key. Rows without a key are never paired, so each of them counts. */
    public Column pairedRows() {
        Column all = tables.stream().reduce(Column::plus).orElseThrow();
        return when(col(KEY).isNull(), all).otherwise(most());
    }

    public Column isDuplicate() {
        return is(Reason.DUPLICATE_KEY);
    }

    /** Whether {@code reason} is the reason why a key is bad. */
    public Column is(Reason reason) {
        Column named = col(KEY).isNotNull();
        Column once = named.and(most().equalTo(1));
        Column missing = Stream.concat(tables.stream(), references.stream())
                .map(count -> count.equalTo(0))
                .reduce(Column::or)
                .orElseThrow();
        Column ambiguous =
                references.stream().map(count -> count.gt(1)).reduce(Column::or).orElse(lit(false));
        return switch (reason) {
            case NULL_KEY -> col(KEY).isNull();
            case DUPLICATE_KEY -> named.and(most().gt(1));
            case DUPLICATE_ID -> once.and(ambiguous);
            case MISSING_MODALITY -> once.and(not(ambiguous)).and(missing);
            default -> throw new IllegalArgumentException("no fault of a key: " + reason);
        };
    }

    /** The keys that occur more than once in a table. */
    Dataset<Row> duplicates() {
        return rows.filter(isDuplicate()).select(KEY);
    }

    /** Whether the input has a key. The table to update may have others. */
    Column isInput() {
        return most().geq(1);
    }

    /** How many rows of the table to update have a key. */
    Column published() {
        return col(PUBLISHED);
    }

    /** Whether the table to update has the key's row, in the version that the input has. */
    Column isKept() {
        return published().gt(0).and(not(col(CHANGED)));
    }

    /** Whether the table to update has the key's row, in another version than the input. */
    Column isChanged() {
        return published().gt(0).and(col(CHANGED)).and(isInput());
    }

    /** Whether a key's rows cannot be fused. */
    Column isBad(boolean incomplete) {
        Column bad = is(Reason.NULL_KEY).or(isDuplicate()).or(is(Reason.DUPLICATE_ID));
        return incomplete ? bad : bad.or(is(Reason.MISSING_MODALITY));
    }

    /** The keys whose rows are fused. */
    Dataset<Row> fusible(boolean incomplete) {
        return rows.filter(isFusible(incomplete)).select(KEY);
    }

    /** The keys whose rows are fused, plus null for rows without a key: the tasks set these aside. */
    Dataset<Row> fusibleOrNull(boolean incomplete) {
        return rows.filter(isFusible(incomplete).or(is(Reason.NULL_KEY))).select(KEY);
    }

    private Column isFusible(boolean incomplete) {
        return isInput().and(not(isBad(incomplete))).and(not(isKept()));
    }

    /**
     * The keys whose rows are to be removed from the table to update.
     *
     * @param prune whether to remove rows whose key is no longer in the input
     */
    Dataset<Row> removed(boolean incomplete, boolean prune) {
        Column replaced = isInput().and(isBad(incomplete).or(isChanged()));
        Column gone = not(isInput()).and(lit(prune));
        return rows.filter(published().gt(0).and(replaced.or(gone))).select(KEY);
    }

    /** Whether a key's rows are left out before features are read. */
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

    /** The name of the column of {@link #references} for a modality. */
    static String reference(int modality) {
        return "ids" + modality;
    }
}
