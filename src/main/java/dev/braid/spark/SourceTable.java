package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.NearestName;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;

/**
 * One table as it was opened, with the features it is to give. Names find columns as Spark's do, by the letter or by
 * the session's {@code spark.sql.caseSensitive}; a dot in a name is part of it.
 *
 * @param name how error messages call the table
 * @param data the table
 * @param features the modalities that it holds
 * @param caseSensitive whether a name finds no column that differs in case
 */
record SourceTable(String name, Dataset<Row> data, List<FeatureColumn> features, boolean caseSensitive) {

    SourceTable(String name, Dataset<Row> data, List<FeatureColumn> features) {
        this(
                name,
                data,
                features,
                Boolean.parseBoolean(data.sparkSession().conf().get("spark.sql.caseSensitive", "false")));
    }

    boolean same(String left, String right) {
        return caseSensitive ? left.equals(right) : left.equalsIgnoreCase(right);
    }

    /** The column of that name, or empty with a problem added that names the nearest one. */
    Optional<StructField> find(String column, String role, List<String> problems) {
        List<StructField> found = matches(column);
        if (found.size() == 1) {
            return Optional.of(found.get(0));
        }
        String expected = "table '" + name + "': expected column '" + column + "' (" + role + "), got ";
        if (found.isEmpty()) {
            problems.add(expected + "none of that name"
                    + NearestName.hint(column, List.of(data.schema().fieldNames())));
        } else {
            problems.add(expected + found.size() + " columns that differ in case only");
        }
        return Optional.empty();
    }

    /** The column of a name that finds one. */
    StructField field(String column) {
        return matches(column).get(0);
    }

    /** The error of a file of this table that cannot be read. */
    InputException unreadable(Exception failure) {
        return new InputException(
                "Cannot read table '" + name + "': expected Parquet files, got " + SparkFailure.firstLine(failure),
                failure);
    }

    boolean has(String column) {
        return !matches(column).isEmpty();
    }

    /** The column of a field of this table. */
    Column column(StructField field) {
        return data.col("`" + field.name().replace("`", "``") + "`");
    }

    private List<StructField> matches(String column) {
        return Arrays.stream(data.schema().fields())
                .filter(field -> same(field.name(), column))
                .toList();
    }
}
