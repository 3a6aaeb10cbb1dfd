package dev.braid.spark;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.types.DataType;

/**
 * Where the values of an output row come from. Column c of the row is the carried value {@code carried.get(c)} or, where
 * that is {@link #FUSED}, one of the fused columns.
 *
 * @param carried of each column of the row, which of the values that {@link StoredRow#carried} copies it is
 * @param carriedTypes the types of those values
 * @param fused the columns to compute, in the order in which they are hashed
 * @param places of each of these, its column in the row or, if it is a vector and these go elsewhere, its place among them
 * @param keyed whether the first carried value is the row's key
 */
record FusedLayout(
        List<Integer> carried,
        List<DataType> carriedTypes,
        List<FusedColumn> fused,
        List<Integer> places,
        boolean keyed)
        implements Serializable {

    /** Marks an output column that is computed. */
    static final int FUSED = -1;
}
