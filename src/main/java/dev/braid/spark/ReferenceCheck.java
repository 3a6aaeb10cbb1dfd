package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SourceTable;
import dev.braid.tables.SourceTables;
import dev.braid.tables.SparkSettings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;

/** Opens a table of pairs and the feature tables that it refers to, and checks their columns by schemas only. Driver only. */
public final class ReferenceCheck {
    private ReferenceCheck() {}

    /**
     * Opens the tables and checks their columns.
     *
     * @param references how the pairs refer to each modality
     * @param paths the feature table of each modality
     * @throws InputException with all problems of all tables in one message
     */
    public static ReferencedTables open(
            SparkSettings settings,
            InputTables tables,
            String pairs,
            Map<String, Reference> references,
            Map<String, String> paths,
            TableColumns columns) {
        List<String> problems = new ArrayList<>();
        List<String> names =
                columns.features().stream().map(f -> f.modality().name()).toList();
        FeatureColumn.unknown("table", paths, names, problems);
        FeatureColumn.unknown("pair column", references, names, problems);
        for (String name : names) {
            if (!paths.containsKey(name)) {
                problems.add("modality '" + name + "': expected a table of its features, got none");
            }
            if (!references.containsKey(name)) {
                problems.add("modality '" + name + "': expected a column of the pairs that refers to it, got none");
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        List<String> more = new ArrayList<>(columns.keep());
        names.forEach(name -> more.add(references.get(name).column()));
        TableColumns ofPairs = new TableColumns(columns.key(), columns.keep(), List.of());
        Optional<SourceTable> pairsTable = SourceTables.openOrNote(
                settings, tables, pairs, List.of(), ofPairs.keeping(more).carried(), problems);
        Map<FeatureColumn, SourceTable> byFeature = byFeature(settings, tables, references, paths, columns, problems);
        ColumnCheck pairsCheck = new ColumnCheck(pairsTable.stream().toList(), ofPairs, problems);
        pairsCheck.check();
        List<ReferencedModality> modalities = new ArrayList<>();
        List<Column> referring = new ArrayList<>();
        for (FeatureColumn feature : columns.features()) {
            Reference reference = references.get(feature.modality().name());
            SourceTable table = byFeature.get(feature);
            if (table == null) {
                continue;
            }
            TableColumns own = new TableColumns(reference.id(), List.of(), columns.features());
            ColumnCheck check = ColumnCheck.ofIds(table.only(feature), own, problems);
            check.check();
            pairsTable
                    .flatMap(from -> referring(from, feature, reference, table, problems))
                    .ifPresent(referring::add);
            if (problems.isEmpty()) {
                modalities.add(new ReferencedModality(
                        feature,
                        reference,
                        table,
                        check.checked(List.of()).get(0).withColumnRenamed(PairedColumns.KEY, ReferencedTables.ID)));
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
        for (int m = 0; m < referring.size(); m++) {
            referring.set(m, referring.get(m).as(ReferencedTables.reference(m)));
        }
        Dataset<Row> selected = pairsCheck.checked(referring).get(0);
        return new ReferencedTables(pairsTable.orElseThrow(), selected, modalities);
    }

    /** The table of each modality. Modalities with the same table and the same column of ids share it. */
    private static Map<FeatureColumn, SourceTable> byFeature(
            SparkSettings settings,
            InputTables tables,
            Map<String, Reference> references,
            Map<String, String> paths,
            TableColumns columns,
            List<String> problems) {
        record Place(String path, String id) {}
        Map<Place, List<FeatureColumn>> places = new LinkedHashMap<>();
        for (FeatureColumn feature : columns.features()) {
            String name = feature.modality().name();
            places.computeIfAbsent(
                            new Place(paths.get(name), references.get(name).id()), place -> new ArrayList<>())
                    .add(feature);
        }
        Map<FeatureColumn, SourceTable> found = new HashMap<>();
        places.forEach((place, features) -> {
            SourceTables.openOrNote(settings, tables, place.path(), features, List.of(place.id()), problems)
                    .ifPresent(table -> {
                        if (table.isSnapshot()) {
                            problems.add(
                                    "table '" + table.name() + "': expected features that pairs refer to in Parquet"
                                            + " files, got a table with snapshots, whose rows come in another order each time"
                                            + "; join it with the pairs, or write it as Parquet");
                        }
                        features.forEach(feature -> found.put(feature, table));
                    });
        });
        return found;
    }

    /** The column of the pairs that refers to a feature table. Adds a problem if its type differs from the type of the ids. */
    private static Optional<Column> referring(
            SourceTable pairs, FeatureColumn feature, Reference reference, SourceTable table, List<String> problems) {
        String role = "refers to '" + feature.modality().name() + "'";
        Optional<StructField> own = pairs.find(reference.column(), role, problems);
        Optional<StructField> id = table.find(reference.id(), "id", new ArrayList<>()); // its problem is already noted
        if (own.isEmpty() || id.isEmpty()) {
            return Optional.empty();
        }
        String expected = id.get().dataType().catalogString();
        String got = own.get().dataType().catalogString();
        if (!expected.equals(got)) {
            problems.add("table '" + pairs.name() + "': expected column '" + reference.column() + "' (" + role
                    + ") of type " + expected + " ('" + reference.id() + "' in table '" + table.name() + "'), got "
                    + got);
        }
        return Optional.of(pairs.column(own.get()));
    }
}
