package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.NearestName;
import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.TokenSelection;
import dev.braid.rows.FeatureType;
import dev.braid.rows.SparkRows;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SelectionColumn;
import dev.braid.tables.SourceTable;
import dev.braid.task.FusedColumn;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;

/**
 * Finds the named columns in the schemas of the opened tables, and selects them. Reports all problems of all tables in one
 * message.
 */
public final class ColumnCheck {
    /** The columns that a fusion adds; the key and the kept columns must have other names. */
    private static final List<String> OUTPUT = FusedColumn.NAMES;

    /** Spark's type for unsigned 64-bit integers. */
    private static final String UNSIGNED = "decimal(20,0)";

    private final List<SourceTable> tables;
    private final TableColumns columns;
    private final List<String> problems;
    /** What messages call the key: 'key' or 'id'. */
    private final String keyRole;
    /** Whether all tables could be opened; otherwise a missing kept column may be in one of the others. */
    private final boolean allOpen;

    private final List<List<Column>> selected = new ArrayList<>();
    private DataType keyType;
    private String keyTable;

    /**
     * A check that adds to {@code problems}.
     *
     * @param problems the list to add to; it may contain problems from opening the tables
     */
    public ColumnCheck(List<SourceTable> tables, TableColumns columns, List<String> problems) {
        this(tables, columns, problems, "key");
    }

    private ColumnCheck(List<SourceTable> tables, TableColumns columns, List<String> problems, String keyRole) {
        this.keyRole = keyRole;
        this.tables = tables;
        this.columns = columns;
        this.problems = problems;
        this.allOpen = problems.isEmpty();
    }

    /** A check of one feature table of {@link ReferencedTables}, whose key is the id. */
    static ColumnCheck ofIds(SourceTable table, TableColumns columns, List<String> problems) {
        return new ColumnCheck(List.of(table), columns, problems, "id");
    }

    /**
     * Each table's own columns under the names of {@link PairedTable}: the key, its kept columns, its features and
     * their selections.
     *
     * @throws InputException with all problems in one message
     */
    List<Dataset<Row>> select() {
        check();
        return checked(List.of());
    }

    /** The same columns followed by {@code more}. Call it after {@link #check}. */
    List<Dataset<Row>> checked(List<Column> more) {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        List<Dataset<Row>> result = new ArrayList<>();
        for (int t = 0; t < tables.size(); t++) {
            selected.get(t).addAll(more);
            result.add(tables.get(t).data().select(selected.get(t).toArray(Column[]::new)));
        }
        return result;
    }

    /** Adds a problem for every column that is missing, ambiguous or of the wrong type. Call it once. */
    public void check() {
        tables.forEach(table -> selected.add(new ArrayList<>()));
        for (int t = 0; t < tables.size() && columns.key() != null; t++) {
            key(tables.get(t), selected.get(t));
        }
        if (keyRole.equals("key")) { // ids are not written
            outputNames();
        }
        for (int k = 0; k < columns.keep().size(); k++) {
            kept(k);
        }
        for (int t = 0; t < tables.size(); t++) {
            for (FeatureColumn feature : tables.get(t).features()) {
                feature(tables.get(t), feature, selected.get(t));
                if (feature.boxes() != null) {
                    boxes(tables.get(t), feature, selected.get(t));
                }
                if (feature.selection() != null) {
                    selection(tables.get(t), feature, selected.get(t));
                }
            }
        }
    }

    private void key(SourceTable table, List<Column> own) {
        Optional<StructField> found = table.find(columns.key(), keyRole, problems);
        if (found.isEmpty()) {
            return;
        }
        DataType type = found.get().dataType();
        String place = "table '" + table.name() + "': expected " + keyRole + " '" + columns.key() + "' ";
        if (!SparkRows.isOrderable(type)) {
            problems.add(place + "of a type that has an order, got " + type.catalogString());
        } else if (keyType == null) {
            keyType = type;
            keyTable = table.name();
        } else if (!keyType.catalogString().equals(type.catalogString())) {
            problems.add(place + "of type " + keyType.catalogString() + " (table '" + keyTable + "'), got "
                    + type.catalogString());
        }
        own.add(table.column(found.get()).as(PairedColumns.KEY));
    }

    /** Refuses two columns of the output with the same name. */
    private void outputNames() {
        List<String> taken = new ArrayList<>(OUTPUT);
        for (String name : columns.carried()) {
            boolean caseSensitive = !tables.isEmpty() && tables.get(0).caseSensitive();
            if (taken.stream().anyMatch(other -> caseSensitive ? other.equals(name) : other.equalsIgnoreCase(name))) {
                problems.add("output column '" + name + "': expected one column of that name among the key, the kept"
                        + " columns and " + String.join(", ", OUTPUT) + ", got two");
            }
            taken.add(name);
        }
    }

    private void kept(int index) {
        String name = columns.keep().get(index);
        List<SourceTable> holders = tables.stream().filter(t -> t.has(name)).toList();
        if (holders.size() == 1 || isOneValue(holders, name)) {
            SourceTable table = holders.get(0);
            table.find(name, "kept", problems)
                    .ifPresent(field -> selected.get(tables.indexOf(table))
                            .add(table.column(field).as(PairedColumns.kept(index))));
        } else if (holders.size() > 1) {
            problems.add("kept column '" + name + "': expected it in one table, got it in "
                    + holders.stream().map(t -> "'" + t.name() + "'").collect(Collectors.joining(", ")));
        } else if (allOpen) {
            List<String> known =
                    tables.stream().flatMap(t -> t.names().stream()).toList();
            problems.add("kept column '" + name + "': expected it in one table, got none of that name"
                    + NearestName.hint(name, known));
        }
    }

    /** Whether all tables have the same value of this column, because each is a partition with that value. */
    private static boolean isOneValue(List<SourceTable> holders, String name) {
        List<Optional<String>> values =
                holders.stream().map(table -> table.valueAbove(name)).distinct().toList();
        return values.size() == 1 && values.get(0).isPresent();
    }

    private void feature(SourceTable table, FeatureColumn feature, List<Column> own) {
        ModalityConfig modality = feature.modality();
        String role = (modality.tokenIds() ? "token ids of '" : "features of '") + modality.name() + "'";
        Optional<StructField> found = table.findFeatures(feature.column(), role, problems);
        if (found.isEmpty()) {
            return;
        }
        DataType type = found.get().dataType();
        boolean half = table.isHalf(feature.column());
        Optional<FeatureType> known = FeatureType.of(type)
                .filter(each -> each.isHalf() == half)
                .filter(each -> each.isIds() ? modality.vocabularySize() > 0 : !modality.tokenIds());
        String place = "table '" + table.name() + "': expected column '" + feature.column() + "' of ";
        boolean binary = known.orElse(null) == FeatureType.BINARY;
        if (known.isEmpty()) {
            problems.add(place + expected(modality) + " (" + role + "), got "
                    + (half ? "one half float" : type.catalogString()));
        } else if (half && table.rowByRow() != null) {
            problems.add(place + "half floats that Spark reads in column batches (" + role + "), got "
                    + table.rowByRow() + "; change that, or store them as float32");
        } else if (feature.dtype() != null && !binary && !(half && feature.dtype() == ElementType.FLOAT16)) {
            problems.add(place + "binary (dtype " + feature.dtype().configName() + " of '"
                    + feature.modality().name() + "'), got " + type.catalogString());
        }
        own.add(table.column(found.get())
                .as(PairedColumns.feature(columns.features().indexOf(feature))));
    }

    private void boxes(SourceTable table, FeatureColumn feature, List<Column> own) {
        String role = "boxes of '" + feature.modality().name() + "'";
        Optional<StructField> found = table.findFeatures(feature.boxes(), role, problems);
        if (found.isEmpty()) {
            return;
        }
        DataType type = found.get().dataType();
        boolean half = table.isHalf(feature.boxes());
        if (half
                || FeatureType.of(type)
                        .filter(known -> !known.isIds() && !known.isHalf())
                        .isEmpty()) {
            problems.add("table '" + table.name() + "': expected column '" + feature.boxes() + "' of "
                    + FeatureType.EXPECTED_BOXES + " (" + role + "), got "
                    + (half ? "half floats" : type.catalogString()));
        }
        own.add(table.column(found.get())
                .as(PairedColumns.boxes(columns.features().indexOf(feature))));
    }

    private static String expected(ModalityConfig modality) {
        return modality.tokenIds()
                ? FeatureType.EXPECTED_IDS
                : FeatureType.EXPECTED
                        + (modality.vocabularySize() > 0 ? ", or token ids: " + FeatureType.EXPECTED_IDS : "");
    }

    private void selection(SourceTable table, FeatureColumn feature, List<Column> own) {
        SelectionColumn selection = feature.selection();
        String role = selection.kind().word() + " of '" + feature.modality().name() + "'";
        Optional<StructField> found = table.find(selection.column(), role, problems);
        if (found.isEmpty()) {
            return;
        }
        DataType type = found.get().dataType();
        if (TokenSelection.numberType(selection.kind(), type).isEmpty()) {
            problems.add("table '" + table.name() + "': expected column '" + selection.column() + "' of "
                    + TokenSelection.expected(selection.kind()) + " (" + role + "), got " + type.catalogString()
                    + (type.catalogString().contains(UNSIGNED) ? "; store it signed (int64)" : ""));
        }
        own.add(table.column(found.get())
                .as(PairedColumns.selection(columns.features().indexOf(feature))));
    }
}
