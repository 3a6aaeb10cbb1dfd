package dev.braid.spark;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * The column that holds one modality's features or token ids.
 *
 * @param modality whose features they are, and the width of a token
 * @param column the column's name as it stands in the table; dots and backticks have no meaning in it
 * @param dtype how the numbers of a binary column are stored; null where nothing was said, which means float32
 * @param boxes the column that holds the boxes of its tokens; null where the modality has none
 * @param selection the mask or length column beside it; null where every token is kept
 */
public record FeatureColumn(
        ModalityConfig modality, String column, ElementType dtype, String boxes, SelectionColumn selection)
        implements Serializable {

    /** A column of which every token is kept, without boxes. */
    public FeatureColumn(ModalityConfig modality, String column, ElementType dtype) {
        this(modality, column, dtype, null, null);
    }

    /** The names of the columns that hold its tokens: that of features or ids, and that of boxes where there is one. */
    List<String> tokenColumns() {
        return boxes == null ? List.of(column) : List.of(column, boxes);
    }

    /** The names of all columns that are read: those of its tokens, and the mask or length where there is one. */
    List<String> columns() {
        List<String> all = new ArrayList<>(tokenColumns());
        if (selection != null) {
            all.add(selection.column());
        }
        return all;
    }

    /** The storage of a binary column. */
    ElementType elementType() {
        return dtype == null ? ElementType.FLOAT32 : dtype;
    }
}
