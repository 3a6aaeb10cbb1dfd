package dev.braid.spark;

import dev.braid.checkpoint.ModelConfig;
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

/** A table that holds every modality of a row side by side, its columns checked. */
public final class PairedTable {
    static final String KEY = "key";

    private final Dataset<Row> rows;
    private final TableColumns columns;
    /** The table that the rows are read from; null if they are the result of more than reading. */
    private final SourceTable stored;
    /** Whether each partition has the same rows when another run reads the table. */
    private final boolean repeatable;
    /** Of all rows that are read, gives those of this table. */
    private final UnaryOperator<JavaRDD<StoredRow>> chosen;
    /** Pairs that come to features; null for other tables. */
    private final Meeting meeting;

    private PairedTable(
            Dataset<Row> rows,
            TableColumns columns,
            SourceTable stored,
            boolean repeatable,
            UnaryOperator<JavaRDD<StoredRow>> chosen,
            Meeting meeting) {
        this.rows = rows;
        this.columns = columns;
        this.stored = stored;
        this.repeatable = repeatable;
        this.chosen = chosen;
        this.meeting = meeting;
    }

    private PairedTable(Dataset<Row> rows, TableColumns columns, SourceTable stored) {
        this(rows, columns, stored, stored == null || !stored.isSnapshot(), UnaryOperator.identity(), null);
    }

    /** Rows that are the result of more than reading. */
    private PairedTable(Dataset<Row> rows, TableColumns columns, boolean repeatable) {
        this(rows, columns, null, repeatable, UnaryOperator.identity(), null);
    }

    /**
     * Checks and chooses the columns of a table that is paired already. Keys are not looked at.
     *
     * @throws dev.braid.InputException if a column is missing, ambiguous or of a type that cannot be fused
     */
    public static PairedTable of(Dataset<Row> table, TableColumns columns) {
        SourceTable source = new SourceTable("paired", table, columns.features());
        return new PairedTable(select(source, columns), columns, null);
    }

    /** One table as it was opened, whose rows can be read from column batches, and what {@link ColumnCheck} selected. */
    static PairedTable stored(SourceTable table, Dataset<Row> selected, TableColumns columns) {
        return new PairedTable(inOrder(selected, columns), columns, table);
    }

    /** Joins what {@link ColumnCheck} selected; one shuffle per table, none for a single one. */
    static PairedTable joined(List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = tables.get(0);
        for (Dataset<Row> table : tables.subList(1, tables.size())) {
            rows = rows.hint("merge").join(table.hint("merge"), KEY);
        }
        return new PairedTable(inOrder(rows, columns), columns, null);
    }

    /** Pairs that come to the rows of a feature table, with the other features that they refer to. */
    static PairedTable met(Meeting meeting, TableColumns columns) {
        return new PairedTable(meeting.rows(), columns, null, true, UnaryOperator.identity(), meeting);
    }

    /**
     * The same for some keys alone, with null for what a table lacks; no shuffle if tables and keys are partitioned alike.
     *
     * @param keys each once
     */
    static PairedTable joined(Dataset<Row> keys, List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = keys.hint("merge");
        for (Dataset<Row> table : tables) {
            rows = rows.join(table.hint("merge"), new String[] {KEY}, "left_outer");
        }
        return new PairedTable(inOrder(rows, columns), columns, null);
    }

    /**
     * The rows with other keys, and those without one.
     *
     * @param keys few enough to be sent to every executor, or partitioned as these rows are
     */
    PairedTable without(Dataset<Row> keys, boolean few) {
        Dataset<Row> others = keys.hint(few ? "broadcast" : "merge");
        return new PairedTable(rows.join(others, new String[] {KEY}, "left_anti"), columns, repeatable);
    }

    /**
     * The rows with these keys. Those of a split without one are not read.
     *
     * @param keys each once, null for rows without a key
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

    /** The same rows, shuffled by key into so many tasks. */
    PairedTable repartition(int partitions) {
        return new PairedTable(rows.repartition(partitions, functions.col(KEY)), columns, null);
    }

    /** The same rows with some of their kept columns alone, by their indices. */
    PairedTable keeping(List<Integer> kept) {
        List<Column> selected = new ArrayList<>();
        if (columns.key() != null) {
            selected.add(functions.col(KEY));
        }
        for (int k = 0; k < kept.size(); k++) {
            selected.add(functions.col(kept(kept.get(k))).as(kept(k)));
        }
        TableColumns fewer =
                columns.keeping(kept.stream().map(columns.keep()::get).toList());
        fewer.paired().keySet().stream().skip(selected.size()).forEach(feature -> selected.add(functions.col(feature)));
        return new PairedTable(rows.select(selected.toArray(Column[]::new)), fewer, stored, repeatable, chosen, null);
    }

    /** Whether the rows come as a table stores them, in the same order each time. */
    boolean isStored() {
        return stored != null;
    }

    /**
     * Whether another run that reads the table finds the same rows in each partition. A snapshot's files may come in another
     * order each time.
     */
    boolean isRepeatable() {
        return repeatable;
    }

    /** What decides, beside their number, which rows each partition has. */
    String division() {
        return meeting == null ? "" : meeting.division();
    }

    /** The same rows in each partition, sorted by kept columns. */
    PairedTable sortedBy(List<String> kept) {
        Column[] order = kept.stream()
                .map(name -> functions.col(kept(columns.keep().indexOf(name))))
                .toArray(Column[]::new);
        return new PairedTable(rows.sortWithinPartitions(order), columns, repeatable);
    }

    /** The columns of {@link TableColumns#paired}, under the names that they have there and in its order. */
    public Dataset<Row> rows() {
        return rows;
    }

    /** What the columns are called outside. */
    public TableColumns columns() {
        return columns;
    }

    /** How many of the first columns are carried through. */
    int carried() {
        return columns.carried().size();
    }

    /** The rows where Spark holds them. Shuffles that they need run at once if the session executes adaptively. */
    JavaRDD<StoredRow> storedRows() {
        return meeting != null
                ? meeting.storedRows()
                : chosen.apply(scan().orElseGet(() -> SparkRows.planned(rows, carried())));
    }

    /** The rows as views of the file reader's column batches, if reading is all that they need. */
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
    RowDecoder decoder(FusionConfig config, ModelConfig model) {
        return new RowDecoder(config, model, rows.schema());
    }

    /** The carried columns, under the names that they have outside. */
    List<StructField> carriedFields() {
        List<StructField> fields = new ArrayList<>();
        for (String name : columns.carried()) {
            StructField field = rows.schema().fields()[fields.size()];
            fields.add(new StructField(name, field.dataType(), field.nullable(), field.metadata()));
        }
        return fields;
    }

    static String kept(int index) {
        return "keep" + index;
    }

    static String feature(int modality) {
        return "feature" + modality;
    }

    static String boxes(int modality) {
        return "boxes" + modality;
    }

    static String selection(int modality) {
        return "selection" + modality;
    }
}
