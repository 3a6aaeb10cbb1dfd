package dev.braid.rows;

import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SQLContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.sources.BaseRelation;

/**
 * Rows computed by Braid that Spark can plan, through its public data source interface. They are computed once a query needs
 * them. They are in Spark's own memory layout, so no value is converted.
 */
public abstract class RowsRelation extends BaseRelation {
    private final SparkSession session;

    protected RowsRelation(SparkSession session) {
        this.session = session;
    }

    /** The table that Spark sees. */
    public Dataset<Row> table() {
        return session.baseRelationToDataFrame(this);
    }

    @Override
    public SQLContext sqlContext() {
        return session.sqlContext();
    }

    @Override
    public boolean needConversion() {
        return false;
    }

    /** The rows with the type that Spark's interface declares. */
    @SuppressWarnings("unchecked") // what "needConversion" false means
    protected static RDD<Row> unconverted(JavaRDD<InternalRow> rows) {
        return (RDD<Row>) (RDD<?>) rows.rdd();
    }
}
