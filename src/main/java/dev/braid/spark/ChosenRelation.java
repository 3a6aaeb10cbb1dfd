package dev.braid.spark;

import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SQLContext;
import org.apache.spark.sql.sources.BaseRelation;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.StructType;

/** {@link ChosenRows} of a table, as Spark plans them. */
final class ChosenRelation extends BaseRelation implements TableScan {
    private final Dataset<Row> table;
    private final Dataset<Row> keys;
    private final boolean few;

    private ChosenRelation(Dataset<Row> table, Dataset<Row> keys, boolean few) {
        this.table = table;
        this.keys = keys;
        this.few = few;
    }

    /** The rows of a table with these keys: see {@link ChosenRows#of}. */
    static Dataset<Row> of(Dataset<Row> table, Dataset<Row> keys, boolean few) {
        return table.sparkSession().baseRelationToDataFrame(new ChosenRelation(table, keys, few));
    }

    @Override
    public SQLContext sqlContext() {
        return table.sparkSession().sqlContext();
    }

    @Override
    public StructType schema() {
        return table.schema();
    }

    @Override
    public boolean needConversion() {
        return false;
    }

    @Override
    @SuppressWarnings("unchecked") // what "needConversion" false means: rows of Spark's memory under the type of others
    public RDD<Row> buildScan() {
        RDD<?> rows = ChosenRows.of(SparkRows.internal(table), table, keys, few).rdd();
        return (RDD<Row>) rows;
    }
}
