package dev.braid.spark;

import static org.apache.spark.sql.functions.col;

import dev.braid.rows.RowsRelation;
import dev.braid.rows.SparkRows;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.StructType;

/**
 * The ids of a feature table and the places of their rows, by id. The feature table is read once: the first query that needs
 * the ids shuffles them, and later queries find them in the files of this shuffle. Spark deletes the files when this object is
 * no longer in use. Driver only.
 */
final class FeatureIds extends RowsRelation implements TableScan {
    private final Dataset<Row> shuffled;

    /**
     * Reads nothing yet.
     *
     * @param ids with the column {@link ReferencedTables#ID}
     * @param tasks the number of partitions
     */
    FeatureIds(Dataset<Row> ids, int tasks) {
        super(ids.sparkSession());
        this.shuffled = ids.repartition(tasks, col(ReferencedTables.ID));
    }

    @Override
    public StructType schema() {
        return shuffled.schema();
    }

    /** The same rows of the same shuffle at each call. */
    @Override
    public RDD<Row> buildScan() {
        return unconverted(SparkRows.internal(shuffled));
    }
}
