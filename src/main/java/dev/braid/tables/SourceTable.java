package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.NearestName;
import dev.braid.Shown;
import dev.braid.failure.SparkFailure;
import dev.braid.publish.InputFile;
import dev.braid.rows.FileColumns;
import dev.braid.rows.FileColumns.FileColumn;
import dev.braid.rows.TableName;
import dev.braid.storage.Footers;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An opened table, and the features that are read from it. Whether column names differ in case only is decided as in Spark, by
 * the session's {@code spark.sql.caseSensitive}; a dot in a name is an ordinary character.
 *
 * @param name how error messages call the table
 * @param place the path at which its files are listed; null if they are not listed
 * @param data the rows; if they are in files, with the needed columns only
 * @param features the feature columns that are read from it
 * @param caseSensitive whether names that differ in case name different columns
 * @param columns every column, needed or not, readable or not
 * @param files the data files, or the snapshot that is read; empty if the table is not read from files
 * @param rows what the footers of the files say about the rows and the needed columns
 * @param above the values in the names of the directories above the table, by column, for the columns that are read
 */
public record SourceTable(
        String name,
        String place,
        Dataset<Row> data,
        List<FeatureColumn> features,
        boolean caseSensitive,
        List<FileColumn> columns,
        List<InputFile> files,
        Footers.Rows rows,
        Map<String, Set<String>> above) {
    private static final Logger log = LoggerFactory.getLogger(SourceTable.class);
    private static final List<String> BATCH_SETTINGS =
            List.of("spark.sql.parquet.enableVectorizedReader", "spark.sql.parquet.enableNestedColumnVectorizedReader");

    public SourceTable(String name, Dataset<Row> data, List<FeatureColumn> features) {
        this(
                name,
                null,
                data,
                features,
                isCaseSensitive(data.sparkSession()),
                columns(data.schema()),
                List.of(),
                Footers.Rows.NONE,
                Map.of());
    }

    public static boolean isCaseSensitive(SparkSession session) {
        return Boolean.parseBoolean(session.conf().get("spark.sql.caseSensitive", "false"));
    }

    static List<FileColumn> columns(StructType schema) {
        return Arrays.stream(schema.fields()).map(FileColumn::of).toList();
    }

    /**
     * The columns to read: those that are needed, that Spark can read, and whose name is unambiguous.
     *
     * @param carried the names of the columns that are needed besides those of the features
     */
    StructType needed(List<String> carried) {
        Set<String> featureNames = new TreeSet<>();
        features.forEach(feature -> featureNames.addAll(feature.tokenColumns()));
        StructType schema = new StructType();
        for (FileColumn column : columns) {
            boolean isFeature = featureNames.stream().anyMatch(name -> same(name, column.name()));
            boolean isNeeded =
                    isFeature || names(features, carried).stream().anyMatch(name -> same(name, column.name()));
            StructField field = isFeature ? column.features() : column.field();
            if (isNeeded && field != null && matches(column.name()).size() == 1) {
                schema = schema.add(field);
            }
        }
        return schema;
    }

    /** The names of the needed columns that this table may have. */
    static Set<String> names(List<FeatureColumn> features, List<String> carried) {
        Set<String> names = new TreeSet<>(carried);
        features.forEach(feature -> names.addAll(feature.columns()));
        return names;
    }

    /** These names in lower case. */
    static Set<String> lowerCaseNames(List<FeatureColumn> features, List<String> carried) {
        return names(features, carried).stream().map(SourceTable::lowerCase).collect(Collectors.toSet());
    }

    /** The files that were removed or replaced since they were listed, a text for each. */
    List<String> changes() {
        if (place == null) {
            return List.of(); // a snapshot stays as it is
        }
        Configuration hadoop = data.sparkSession().sparkContext().hadoopConfiguration();
        Map<String, FileStatus> now = new HashMap<>();
        try {
            TableFiles listed = TableFiles.at(place, hadoop);
            List<String> places = listed.places(hadoop);
            for (int f = 0; f < places.size(); f++) {
                now.put(Shown.path(places.get(f)), listed.files().get(f));
            }
        } catch (InputException | FileNotFoundException gone) {
            log.debug("Cannot list table '{}' again", name, gone);
        } catch (IOException failure) {
            throw SparkFailure.translate(failure);
        }
        List<String> changes = new ArrayList<>();
        for (InputFile file : files) {
            FileStatus found = now.remove(file.path());
            String change = found == null ? "'" + file.path() + "' (removed)" : file.changes(found);
            if (!change.isEmpty()) {
                changes.add(change);
            }
        }
        if (!now.isEmpty()) {
            log.warn(
                    "Table '{}': {} were added after the run began, and are not in the output",
                    Shown.of(name),
                    Shown.of(Shown.names(
                            TableFiles.NAMED, now.keySet().stream().sorted().toList())));
        }
        return changes;
    }

    /** Whether a snapshot of a table of the catalog is read. */
    public boolean isSnapshot() {
        return place == null && !files.isEmpty();
    }

    static String lowerCase(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    /** The table with an additional column. */
    public SourceTable with(String column, Column value) {
        Dataset<Row> more = data.withColumn(column, value);
        List<FileColumn> all = new ArrayList<>(columns);
        all.addAll(columns(new StructType(new StructField[] {more.schema().apply(column)})));
        return new SourceTable(name, place, more, features, caseSensitive, all, files, rows, above);
    }

    /** The table with this modality alone. */
    public SourceTable only(FeatureColumn feature) {
        return new SourceTable(name, place, data, List.of(feature), caseSensitive, columns, files, rows, above);
    }

    /** Every column that Spark can read; half floats are binary, as Spark reads them. */
    public StructType schema() {
        return new StructType(columns.stream()
                .map(column -> column.field() == null ? column.features() : column.field())
                .filter(field -> field != null)
                .toArray(StructField[]::new));
    }

    /** The names of all columns. */
    public List<String> names() {
        return columns.stream().map(FileColumn::name).toList();
    }

    boolean same(String left, String right) {
        return same(caseSensitive, left, right);
    }

    /** Whether two names are the same to a session that is case-sensitive or not. */
    static boolean same(boolean caseSensitive, String left, String right) {
        return caseSensitive ? left.equals(right) : left.equalsIgnoreCase(right);
    }

    /** The column with this name. If it cannot be used, adds a problem and returns empty. */
    public Optional<StructField> find(String column, String role, List<String> problems) {
        return find(column, role, false, problems);
    }

    /** Like {@link #find(String, String, List)}, for a column of features, which may hold half floats. */
    public Optional<StructField> findFeatures(String column, String role, List<String> problems) {
        return find(column, role, true, problems);
    }

    /** Whether an existing column holds half floats. */
    public boolean isHalf(String column) {
        return matches(column).get(0).isHalf();
    }

    /** Why Spark does not read in column batches, for error messages; null if it does. */
    public String rowByRow() {
        for (String setting : BATCH_SETTINGS) {
            if (!Boolean.parseBoolean(data.sparkSession().conf().get(setting, "true"))) {
                return "setting '" + setting + "' false";
            }
        }
        return rows.vectorized() ? null : "an encoding that Spark reads row by row";
    }

    private Optional<StructField> find(String column, String role, boolean mayBeHalf, List<String> problems) {
        List<FileColumn> found = matches(column);
        String expected = "table '" + name + "': expected column '" + column + "' (" + role + ")";
        if (found.isEmpty()) {
            problems.add(expected + ", got none of that name" + NearestName.hint(column, names()));
        } else if (found.size() > 1) {
            boolean sameName = found.stream().map(FileColumn::name).distinct().count() < found.size();
            problems.add(expected + ", got " + found.size() + " columns "
                    + (sameName
                            ? "of the same name; rename all but one"
                            : "that differ in case only; rename one, or set 'spark.sql.caseSensitive' to true"));
        } else if (found.get(0).misfit() != null) {
            problems.add(expected + " " + found.get(0).misfit());
        } else if (!found.get(0).parquetTypes().isEmpty()
                && !(mayBeHalf && found.get(0).isHalf())) {
            problems.add(expected + " of a type that Spark reads, got "
                    + found.get(0).typeName() + "; "
                    + FileColumns.advice(found.get(0).parquetTypes()));
        } else {
            return Optional.of(field(column));
        }
        return Optional.empty();
    }

    /** The column with this name, which must exist. */
    public StructField field(String column) {
        String exact = matches(column).get(0).name();
        return Arrays.stream(data.schema().fields())
                .filter(field -> field.name().equals(exact))
                .findFirst()
                .orElseThrow();
    }

    /** The value that a column has in all rows according to the directories above the table; empty if they do not give one. */
    public Optional<String> valueAbove(String column) {
        return above.entrySet().stream()
                .filter(each -> same(each.getKey(), column) && each.getValue().size() == 1)
                .map(each -> each.getValue().iterator().next())
                .findFirst();
    }

    public boolean has(String column) {
        return !matches(column).isEmpty();
    }

    /** These columns in the table's own order, so that Spark's plan is a scan and nothing else. */
    public Dataset<Row> scan(List<String> exactNames) {
        return data.select(Arrays.stream(data.schema().fields())
                .filter(field -> exactNames.contains(field.name()))
                .map(this::column)
                .toArray(Column[]::new));
    }

    /** The column of a field of this table. */
    public Column column(StructField field) {
        return data.col(TableName.quoted(field.name()));
    }

    private List<FileColumn> matches(String column) {
        return columns.stream().filter(each -> same(each.name(), column)).toList();
    }
}
