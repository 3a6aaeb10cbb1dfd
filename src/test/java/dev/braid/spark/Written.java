package dev.braid.spark;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Files as Spark writes them, for tests of the table around them. */
final class Written {
    private Written() {}

    static FusedTable.Writing files(Dataset<Row> rows) {
        return directory -> rows.write().mode("append").parquet(directory);
    }
}
