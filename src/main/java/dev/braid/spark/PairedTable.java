package dev.braid.spark;

import dev.braid.checkpoint.ModelConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;

/** A table that holds every modality of a row side by side, its columns checked. */
public final class PairedTable {
    static final String KEY = "key";

    private final Dataset<Row> rows;
    private final TableColumns columns;
    /** The table that the rows are read from; null where more than reading stands before them. */
    private final SourceTable stored;

    private PairedTable(Dataset<Row> rows, TableColumns columns, SourceTable stored) {
        this.rows = rows;
        this.columns = columns;
        this.stored = stored;
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

    /** As above, of a table as it was opened: its rows can be read as {@link ColumnScan} does. */
    static PairedTable stored(SourceTable table, TableColumns columns) {
        return new PairedTable(select(table, columns), columns, table);
    }

    /** Joins what {@link ColumnCheck} selected; one shuffle per table, none for a single one. */
    static PairedTable joined(List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = tables.get(0);
        for (Dataset<Row> table : tables.subList(1, tables.size())) {
            rows = rows.hint("merge").join(table.hint("merge"), KEY);
        }
        return new PairedTable(inOrder(rows, columns), columns, null);
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

    /** The columns of {@link TableColumns#paired}, under the names that they have there and in its order. */
    public Dataset<Row> rows() {
        return rows;
    }

    /** What the columns are called outside. */
    public TableColumns columns() {
        return columns;
    }

    /** The rows, in the layout of Spark's own memory or as views of it; each is valid until the next one is read. */
    JavaRDD<InternalRow> internalRows() {
        return scan().orElseGet(() -> rows.queryExecution().toRdd().toJavaRDD());
    }

    /** The rows as Spark's file reader holds them, where nothing but that stands before them. */
    Optional<JavaRDD<InternalRow>> scan() {
        return Optional.ofNullable(stored).flatMap(table -> ColumnScan.of(table, columns));
    }

    /** Reads the key and the kept columns of a row. */
    CarriedColumns carried() {
        return new CarriedColumns(Arrays.stream(rows.schema().fields())
                .limit(columns.carried().size())
                .map(StructField::dataType)
                .toArray(DataType[]::new));
    }

    /** Reads the features of a row. */
    RowDecoder decoder(FusionConfig config, ModelConfig model) {
        return new RowDecoder(config, model, carried(), rows.schema());
    }

    static String kept(int index) {
        return "keep" + index;
    }

    static String feature(int modality) {
        return "feature" + modality;
    }

    static String selection(int modality) {
        return "selection" + modality;
    }
}
