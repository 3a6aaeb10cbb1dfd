package dev.braid.rows;

import java.util.Arrays;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Stored rows as a Spark plan gives them, from rows of a test. */
public final class StoredRows {
    private StoredRows() {}

    public static Iterator<StoredRow> of(Iterator<InternalRow> rows, StructType schema, int carried) {
        DataType[] types =
                Arrays.stream(schema.fields()).map(StructField::dataType).toArray(DataType[]::new);
        return new PlannedRows(rows, types, carried);
    }
}
