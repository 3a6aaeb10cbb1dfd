package dev.braid.spark;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SourceTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;

/** A table that has every modality of a row in one row. Its columns are checked. */
public final class PairedTable {
    private static final String KEY = PairedColumns.KEY;

    private final Dataset<Row> rows;
    private final TableColumns columns;
    /** The table that the rows are read from; null if they come from a join or a shuffle. */
    private final SourceTable stored;
    /** Whether each partition has the same rows when another run reads the table. */
    private final boolean repeatable;
    /** Selects the rows of this table from the rows that are read. */
    private final UnaryOperator<JavaRDD<StoredRow>> chosen;
    /** Joins pairs with the features that they refer to; null for other tables. */
    private final FeatureJoin join;

    private PairedTable(
            Dataset<Row> rows,
            TableColumns columns,
            SourceTable stored,
            boolean repeatable,
            UnaryOperator<JavaRDD<StoredRow>> chosen,
            FeatureJoin join) {
        this.rows = rows;
        this.columns = columns;
        this.stored = stored;
        this.repeatable = repeatable;
        this.chosen = chosen;
        this.join = join;
    }

    private PairedTable(Dataset<Row> rows, TableColumns columns, SourceTable stored) {
        this(rows, columns, stored, stored == null || !stored.isSnapshot(), UnaryOperator.identity(), null);
    }

    /** Rows that come from a join or a shuffle. */
    private PairedTable(Dataset<Row> rows, TableColumns columns, boolean repeatable) {
        this(rows, columns, null, repeatable, UnaryOperator.identity(), null);
    }

    /**
     * Checks and selects the columns of a table that already has every modality. Does not read keys.
     *
     * @throws dev.braid.InputException if a column is missing, ambiguous or of a type that cannot be fused
     */
    public static PairedTable of(Dataset<Row> table, TableColumns columns) {
        SourceTable source = new SourceTable("paired", table, columns.features());
        return new PairedTable(select(source, columns), columns, null);
    }

    /** A single opened table, whose column batches can be read directly, and what {@link ColumnCheck} selected from it. */
    static PairedTable stored(SourceTable table, Dataset<Row> selected, TableColumns columns) {
        return new PairedTable(inOrder(selected, columns), columns, table);
    }

    /** Joins the tables that {@link ColumnCheck} selected, with one shuffle per table; a single table is not shuffled. */
    static PairedTable joined(List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = tables.get(0);
        for (Dataset<Row> table : tables.subList(1, tables.size())) {
            rows = rows.hint("merge").join(table.hint("merge"), KEY);
        }
        return new PairedTable(inOrder(rows, columns), columns, null);
    }

    /** The pairs, each with the features that it refers to. */
    static PairedTable joined(FeatureJoin join, TableColumns columns) {
        return new PairedTable(join.rows(), columns, null, true, UnaryOperator.identity(), join);
    }

    /**
     * Joins only the rows with these keys. If a table lacks a key, its modality is null. Needs no shuffle if the tables and
     * the keys are partitioned alike.
     *
     * @param keys the keys, each once
     */
    static PairedTable joined(Dataset<Row> keys, List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = keys.hint("merge");
        for (Dataset<Row> table : tables) {
            rows = rows.join(table.hint("merge"), new String[] {KEY}, "left_outer");
        }
        return new PairedTable(inOrder(rows, columns), columns, null);
    }

    /**
     * The rows without these keys, including rows that have no key.
     *
     * @param few whether the keys are few enough to be sent to every executor; otherwise they must be partitioned as these
     *     rows are
     */
    PairedTable without(Dataset<Row> keys, boolean few) {
        Dataset<Row> others = keys.hint(few ? "broadcast" : "merge");
        return new PairedTable(rows.join(others, new String[] {KEY}, "left_anti"), columns, repeatable);
    }

    /**
     * The rows with these keys. A split without such a row is not read.
     *
     * @param keys the keys, each once; null selects the rows without a key
     * @param few whether they are few enough to be sent to every executor
     */
    PairedTable choosing(Dataset<Row> keys, boolean few) {
        return new PairedTable(rows, columns, stored, repeatable, all -> ChosenRows.of(all, rows, keys, few), null);
    }

    private static Dataset<Row> select(SourceTable table, TableColumns columns) {
        return inOrder(
                new ColumnCheck(List.of(table), columns, new ArrayList<>())
                        .select()
                        .get(0),
                columns);
    }

    private static Dataset<Row> inOrder(Dataset<Row> rows, TableColumns columns) {
        return rows.select(
                columns.paired().keySet().stream().map(functions::col).toArray(Column[]::new));
    }

    /** The same rows, shuffled by key into this many partitions. */
    PairedTable repartition(int partitions) {
        return new PairedTable(rows.repartition(partitions, functions.col(KEY)), columns, null);
    }

    /** The same rows with only some of their kept columns, given by their indices. */
    PairedTable keeping(List<Integer> kept) {
        List<Column> selected = new ArrayList<>();
        if (columns.key() != null) {
            selected.add(functions.col(KEY));
        }
        for (int k = 0; k < kept.size(); k++) {
            selected.add(functions.col(PairedColumns.kept(kept.get(k))).as(PairedColumns.kept(k)));
        }
        TableColumns fewer =
                columns.keeping(kept.stream().map(columns.keep()::get).toList());
        fewer.paired().keySet().stream().skip(selected.size()).forEach(feature -> selected.add(functions.col(feature)));
        return new PairedTable(rows.select(selected.toArray(Column[]::new)), fewer, stored, repeatable, chosen, null);
    }

    /** Whether the rows are read as the table stores them, in the same order each time. */
    boolean isStored() {
        return stored != null;
    }

    /** Whether another run finds the same rows in each partition. A snapshot's files may come in another order each time. */
    boolean isRepeatable() {
        return repeatable;
    }

    /** What decides, apart from the number of partitions, which rows each has. */
    String division() {
        return join == null ? "" : join.division();
    }

    /** The same rows in each partition, sorted by kept columns. */
    PairedTable sortedBy(List<String> kept) {
        Column[] order = kept.stream()
                .map(name -> functions.col(PairedColumns.kept(columns.keep().indexOf(name))))
                .toArray(Column[]::new);
        return new PairedTable(rows.sortWithinPartitions(order), columns, repeatable);
    }

    /** The rows, with the columns of {@link TableColumns#paired} in that order and under those names. */
    public Dataset<Row> rows() {
        return rows;
    }

    /** The columns under the names that the user gave. */
    public TableColumns columns() {
        return columns;
    }

    /** How many of the first columns are copied to the output. */
    int carried() {
        return columns.carried().size();
    }

    /** The rows in Spark's own forms. In a session with adaptive execution, calling this runs the shuffles. */
    public JavaRDD<StoredRow> storedRows() {
        return join != null
                ? join.storedRows()
                : chosen.apply(scan().orElseGet(() -> SparkRows.planned(rows, carried())));
    }

    /** The rows as views of the file reader's column batches; empty if they need more than reading. */
    Optional<JavaRDD<StoredRow>> scan() {
        if (stored == null) {
            return Optional.empty();
        }
        List<String> names = columns.paired().values().stream()
                .map(name -> stored.field(name).name())
                .toList();
        return SparkRows.scanned(stored.scan(names), names, carried());
    }

    /** Reads the features of a row. */
    public RowDecoder decoder(FusionConfig config, ModelConfig model) {
        return config.decoder(model, rows.schema());
    }

    /** The columns that are copied to the output, under the names that the user gave. */
    public List<StructField> carriedFields() {
        List<StructField> fields = new ArrayList<>();
        for (String name : columns.carried()) {
            StructField field = rows.schema().fields()[fields.size()];
            fields.add(new StructField(name, field.dataType(), field.nullable(), field.metadata()));
        }
        return fields;
    }
}
