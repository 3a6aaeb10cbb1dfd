package dev.braid.decode;

import dev.braid.rows.SparkRows;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * A row that cannot be fused, and why. Used in tasks only.
 *
 * @param carried a copy of the row's carried columns, the key first if there is one
 * @param keyType the key's type; null if rows have no key
 * @param fault why it cannot be fused
 * @param sourceFile the URI of the file that the row was read from; null if it is not known, as in a join
 */
public record BadRow(InternalRow carried, DataType keyType, Fault fault, String sourceFile) implements DecodedRow {

    public Reason reason() {
        return fault.reason();
    }

    /** An error message that names the row by its key, or by its partition if it has no key. */
    public String message() {
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
