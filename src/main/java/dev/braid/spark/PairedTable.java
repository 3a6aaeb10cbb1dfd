package dev.braid.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;

/**
 * A table that holds every modality of a row side by side, its columns checked.
 *
 * @param rows the key, the kept columns, a feature column per modality, and the mask or length column of each modality
 *     that has one, in this order and under names of their own
 * @param columns what the columns are called outside
 * @param scan the same rows as Spark's file reader holds them, each valid until the next; empty where more than reading
 *     stands before them
 */
public record PairedTable(Dataset<Row> rows, TableColumns columns, Optional<JavaRDD<InternalRow>> scan) {
    static final String KEY = "key";

    /**
     * Checks and chooses the columns of a table that is paired already. Keys are not looked at.
     *
     * @throws dev.braid.InputException if a column is missing, ambiguous or of a type that cannot be fused
     */
    public static PairedTable of(Dataset<Row> table, TableColumns columns) {
        SourceTable source = new SourceTable("paired", table, columns.features());
        return joined(new ColumnCheck(List.of(source), columns, new ArrayList<>()).select(), columns);
    }

    /** Joins what {@link ColumnCheck} selected; one shuffle per table, none for a single one. */
    static PairedTable joined(List<Dataset<Row>> tables, TableColumns columns) {
        Dataset<Row> rows = tables.get(0);
        for (Dataset<Row> table : tables.subList(1, tables.size())) {
            rows = rows.hint("merge").join(table.hint("merge"), KEY);
        }
        Stream<String> names = Stream.of(
                        Stream.of(KEY),
                        IntStream.range(0, columns.keep().size()).mapToObj(PairedTable::kept),
                        IntStream.range(0, columns.features().size()).mapToObj(PairedTable::feature),
                        IntStream.range(0, columns.selected().size()).mapToObj(PairedTable::selection))
                .flatMap(name -> name);
        return new PairedTable(
                rows.select(names.map(functions::col).toArray(Column[]::new)), columns, Optional.empty());
    }

    /** The rows, in the layout of Spark's own memory or as views of it; each is valid until the next one is read. */
    JavaRDD<InternalRow> internalRows() {
        return scan.orElseGet(() -> rows.queryExecution().toRdd().toJavaRDD());
    }

    static String kept(int index) {
        return "keep" + index;
    }

    static String feature(int index) {
        return "feature" + index;
    }

    static String selection(int index) {
        return "selection" + index;
    }
}
