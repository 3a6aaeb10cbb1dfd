package dev.braid.tables;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The column that holds one modality's features or token ids.
 *
 * @param modality the modality whose features or ids the column holds
 * @param column the column's name in the table; dots and backticks in it are ordinary characters
 * @param dtype the type of the numbers in a binary column; null means float32
 * @param boxes the column with the boxes of the tokens; null if the modality has no boxes
 * @param selection the mask or length column; null if every token is kept
 */
public record FeatureColumn(
        ModalityConfig modality, String column, ElementType dtype, String boxes, SelectionColumn selection)
        implements Serializable {

    /** A column without boxes, whose tokens are all kept. */
    public FeatureColumn(ModalityConfig modality, String column, ElementType dtype) {
        this(modality, column, dtype, null, null);
    }

    /** The names of the columns that hold the tokens: features or ids, then boxes if there are any. */
    List<String> tokenColumns() {
        return boxes == null ? List.of(column) : List.of(column, boxes);
    }

    /** The names of all columns that are read: those of the tokens, then the mask or length if there is one. */
    public List<String> columns() {
        List<String> all = new ArrayList<>(tokenColumns());
        if (selection != null) {
            all.add(selection.column());
        }
        return all;
    }

    /** The type of the numbers in a binary column. */
    public ElementType elementType() {
        return dtype == null ? ElementType.FLOAT32 : dtype;
    }

    /** Adds a problem for each name in {@code given} that is not one of the model's modalities, {@code known}. */
    public static void unknown(String what, Map<String, ?> given, List<String> known, List<String> problems) {
        for (String name : new TreeSet<>(given.keySet())) {
            if (!known.contains(name)) {
                problems.add("a " + what + " for modality '" + name + "': expected "
                        + known.stream().map(k -> "'" + k + "'").collect(Collectors.joining(", "))
                        + " (modalities in config.json)");
            }
        }
    }
}
