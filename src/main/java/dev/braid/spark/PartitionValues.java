package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.failure.SparkFailure;
import dev.braid.publish.Partitioning;
import dev.braid.rows.SparkRows;
import dev.braid.tables.PairedColumns;
import dev.braid.task.PartitionPath;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructField;

/** Finds the partitions of a fused table before anything is fused, from the values of its partition columns. Driver only. */
final class PartitionValues {
    /** The most partitions of a table. More are likely a mistake, and the driver holds their names. */
    static final int MOST = 10_000;

    /** Marks a message about a problem among the paths. */
    private static final String PROBLEM = "\0";

    private final List<Dataset<Row>> tables;
    private final TableColumns columns;
    private final List<String> by;

    /**
     * The partitions of a table.
     *
     * @param tables what {@link ColumnCheck} selected from each input
     * @param by kept columns, each once, from the outermost
     */
    PartitionValues(List<Dataset<Row>> tables, TableColumns columns, List<String> by) {
        this.tables = tables;
        this.columns = columns;
        this.by = by;
    }

    /**
     * Reads the values of the partition columns.
     *
     * @param tasks the number of tasks that bring the values together
     * @throws InputException if a column's type or values cannot name directories, or there are too many
     */
    Partitioning partitioning(int tasks) {
        Dataset<Row> rows = rows();
        List<StructField> fields = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        for (String name : by) {
            StructField field = rows.schema().fields()[fields.size()];
            fields.add(new StructField(name, field.dataType(), field.nullable(), field.metadata()));
            if (!PartitionPath.names(field.dataType())) {
                problems.add("column '" + name + "': expected a type that can name directories (" + PartitionPath.TYPES
                        + "), got " + field.dataType().catalogString());
            } else if (name.startsWith(".")) {
                problems.add("column '" + name
                        + "': expected a name that does not begin with a dot, which hides directories from readers");
            }
        }
        Set<String> found = problems.isEmpty() ? found(rows, new PartitionPath(by, fields), tasks) : Set.of();
        found.stream()
                .filter(path -> path.startsWith(PROBLEM))
                .map(problem -> problem.substring(PROBLEM.length()))
                .forEach(problems::add);
        if (found.size() > MOST) {
            problems.add("expected no more than " + MOST + " partitions, got more; choose columns of fewer values");
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot partition the fused table", problems);
        }
        return new Partitioning(by, List.copyOf(found));
    }

    private static Set<String> found(Dataset<Row> rows, PartitionPath paths, int tasks) {
        try {
            return new TreeSet<>(SparkRows.internal(rows)
                    .mapPartitions(partition -> {
                        Set<String> found = new TreeSet<>();
                        while (partition.hasNext() && found.size() <= MOST) {
                            var row = partition.next();
                            String problem = paths.problem(row);
                            found.add(problem == null ? paths.of(row) : PROBLEM + problem);
                        }
                        return found.iterator();
                    })
                    .distinct(tasks)
                    .take(MOST + 1));
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        }
    }

    /** The partition columns only, in their order. */
    private Dataset<Row> rows() {
        List<String> names = by.stream()
                .map(name -> PairedColumns.kept(columns.keep().indexOf(name)))
                .toList();
        Dataset<Row> rows = null;
        for (Dataset<Row> table : tables) {
            List<String> own =
                    Arrays.stream(table.columns()).filter(names::contains).toList();
            if (!own.isEmpty()) {
                List<Column> selected = new ArrayList<>(List.of(functions.col(PairedColumns.KEY)));
                own.forEach(name -> selected.add(functions.col(name)));
                Dataset<Row> part = table.select(selected.toArray(Column[]::new));
                rows = rows == null ? part : rows.join(part, PairedColumns.KEY);
            }
        }
        return rows.select(names.stream().map(functions::col).toArray(Column[]::new));
    }
}
