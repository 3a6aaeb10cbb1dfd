package dev.braid.task;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.types.DataType;

/**
 * Where the values of an output row come from. Column c of the row is the carried value {@code carried.get(c)} or, if that is
 * {@link #FUSED}, one of the fused columns.
 *
 * @param carried for each column of the row, the index of its value in {@code StoredRow.carried}, or {@link #FUSED}
 * @param carriedTypes the types of the carried values
 * @param fused the columns to compute, in the order in which they are hashed
 * @param places for each fused column, its column in the row or, if it is a vector that is written elsewhere, its place among
 *     the vectors
 * @param keyed whether the first carried value is the row's key
 */
public record FusedLayout(
        List<Integer> carried,
        List<DataType> carriedTypes,
        List<FusedColumn> fused,
        List<Integer> places,
        boolean keyed)
        implements Serializable {

    /** Marks an output column that is computed. */
    public static final int FUSED = -1;
}
