package dev.braid.spark;

import dev.braid.rows.RowsRelation;
import dev.braid.rows.SparkRows;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.StructType;

/** The {@link ChosenRows} of a table as a relation that Spark can plan. */
final class ChosenRelation extends RowsRelation implements TableScan {
    private final Dataset<Row> table;
    private final Dataset<Row> keys;
    private final boolean few;

    private ChosenRelation(Dataset<Row> table, Dataset<Row> keys, boolean few) {
        super(table.sparkSession());
        this.table = table;
        this.keys = keys;
        this.few = few;
    }

    /** The rows of a table with these keys: see {@link ChosenRows#of}. */
    static Dataset<Row> of(Dataset<Row> table, Dataset<Row> keys, boolean few) {
        return new ChosenRelation(table, keys, few).table();
    }

    @Override
    public StructType schema() {
        return table.schema();
    }

    @Override
    public RDD<Row> buildScan() {
        return unconverted(ChosenRows.of(SparkRows.internal(table), table, keys, few));
    }
}
