package dev.braid.spark;

import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * A row that cannot be fused. In a task only.
 *
 * @param carried a copy of the row's carried columns, the key first if there is one
 * @param keyType the key's type; null if rows have no key
 * @param fault why
 * @param sourceFile the URI of the file that the row was read from; null if that is not known, as in a join
 */
record BadRow(InternalRow carried, DataType keyType, Fault fault, String sourceFile) implements DecodedRow, Lane.Entry {

    Reason reason() {
        return fault.reason();
    }

    /** The row by its key, or by its partition if it has none, and its fault. */
    String message() {
        String verb = reason() == Reason.NON_FINITE_RESULT ? "fuse" : "decode";
        return "Cannot " + verb + " " + name() + ": " + fault;
    }

    private String name() {
        if (keyType == null) {
            return "a row of partition " + TaskContext.getPartitionId();
        }
        return carried.isNullAt(0) ? "a row" : "row '" + SparkRows.print(carried, 0, keyType) + "'";
    }
}
