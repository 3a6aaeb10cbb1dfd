package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.rows.FeatureType;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.PairedColumns;
import dev.braid.tables.SelectionColumn;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Which columns of the feature tables are read.
 *
 * @param key the column that identifies a row; null if rows have no key
 * @param keep further columns that the output carries, unchanged, in this order
 * @param features a column per modality, in the model's order
 */
public record TableColumns(String key, List<String> keep, List<FeatureColumn> features) implements Serializable {

    public TableColumns {
        keep = List.copyOf(keep);
        features = List.copyOf(features);
    }

    /**
     * The columns of a model's modalities.
     *
     * @param columns the feature column of each modality; a modality without an entry has a column with the modality's name
     * @param dtypes the number type of each modality's binary column; float32 for a modality without an entry
     * @param boxes columns of boxes by modality: exactly the modalities that have boxes
     * @param selections the mask or length column of each modality; all tokens of a modality without an entry are kept
     * @throws InputException if one of these names a modality that the model lacks, or boxes are missing or too many
     */
    public static TableColumns of(
            ModelConfig model,
            String key,
            List<String> keep,
            Map<String, String> columns,
            Map<String, ElementType> dtypes,
            Map<String, String> boxes,
            Map<String, SelectionColumn> selections) {
        List<String> names =
                model.modalities().stream().map(ModalityConfig::name).toList();
        List<String> problems = new ArrayList<>();
        FeatureColumn.unknown("column", columns, names, problems);
        FeatureColumn.unknown("dtype", dtypes, names, problems);
        FeatureColumn.unknown("column of boxes", boxes, names, problems);
        model.modalities().forEach(modality -> checkBoxes(modality, boxes.get(modality.name()), problems));
        for (SelectionColumn.Kind kind : SelectionColumn.Kind.values()) {
            Map<String, SelectionColumn> ofKind = new TreeMap<>(selections);
            ofKind.values().removeIf(selection -> selection.kind() != kind);
            FeatureColumn.unknown(kind.word(), ofKind, names, problems);
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot choose feature columns", problems);
        }
        List<FeatureColumn> features = model.modalities().stream()
                .map(modality -> new FeatureColumn(
                        modality,
                        columns.getOrDefault(modality.name(), modality.name()),
                        dtypes.get(modality.name()),
                        boxes.get(modality.name()),
                        selections.get(modality.name())))
                .toList();
        return new TableColumns(key, keep, features);
    }

    private static void checkBoxes(ModalityConfig modality, String column, List<String> problems) {
        if (modality.boxes() == null && column != null) {
            problems.add("a column of boxes for modality '" + modality.name()
                    + "': expected a modality with boxes, got one without; drop '--boxes " + modality.name() + "="
                    + column + "'");
        } else if (modality.boxes() != null && column == null) {
            problems.add("modality '" + modality.name() + "': expected a column of boxes of " + modality.boxSize()
                    + " numbers each, got none; name it with '--boxes " + modality.name() + "=COLUMN'");
        }
    }

    /** The same columns with other kept ones. */
    TableColumns keeping(List<String> kept) {
        return new TableColumns(key, kept, features);
    }

    /** The same columns without the partition columns, which the files do not contain. */
    public TableColumns inFiles(List<String> partitionBy) {
        return keeping(keep.stream().filter(name -> !partitionBy.contains(name)).toList());
    }

    /** The same columns, with all columns of a table as kept ones, except the key. */
    TableColumns keepingAll(List<String> table) {
        if (key == null) {
            return keeping(table);
        }
        String own = table.contains(key)
                ? key
                : table.stream()
                        .filter(name -> name.equalsIgnoreCase(key))
                        .findFirst()
                        .orElse(key);
        List<String> others = table.stream().filter(name -> !name.equals(own)).toList();
        return new TableColumns(own, others, features);
    }

    /** The columns of a table whose type allows token ids. */
    public static Set<String> ofTokenIds(StructType table) {
        return Arrays.stream(table.fields())
                .filter(field -> FeatureType.of(field.dataType())
                        .filter(FeatureType::isIds)
                        .isPresent())
                .map(StructField::name)
                .collect(Collectors.toSet());
    }

    /** The modalities that have a vocabulary and one of these columns. */
    public Set<String> tokenIds(Set<String> idColumns) {
        return features.stream()
                .filter(feature -> feature.modality().vocabularySize() > 0 && idColumns.contains(feature.column()))
                .map(feature -> feature.modality().name())
                .collect(Collectors.toSet());
    }

    /** The columns that are copied to the output: the key, if there is one, then the kept ones. */
    public List<String> carried() {
        return Stream.concat(Stream.ofNullable(key), keep.stream()).toList();
    }

    /** The columns of a {@link PairedTable} in order, carried ones first: from its name to the name in the user's table. */
    Map<String, String> paired() {
        Map<String, String> paired = new LinkedHashMap<>();
        if (key != null) {
            paired.put(PairedColumns.KEY, key);
        }
        for (int k = 0; k < keep.size(); k++) {
            paired.put(PairedColumns.kept(k), keep.get(k));
        }
        for (int m = 0; m < features.size(); m++) {
            FeatureColumn feature = features.get(m);
            paired.put(PairedColumns.feature(m), feature.column());
            if (feature.boxes() != null) {
                paired.put(PairedColumns.boxes(m), feature.boxes());
            }
            if (feature.selection() != null) {
                paired.put(PairedColumns.selection(m), feature.selection().column());
            }
        }
        return paired;
    }
}
