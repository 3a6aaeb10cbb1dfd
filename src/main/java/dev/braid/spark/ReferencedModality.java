package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.monotonically_increasing_id;

import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.SourceTable;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * A modality of {@link ReferencedTables}: its feature table, and how the pairs refer to it.
 *
 * @param rows its features, their boxes and selection, under the names of {@link PairedTable}, and {@link ReferencedTables#ID}
 */
public record ReferencedModality(FeatureColumn feature, Reference reference, SourceTable table, Dataset<Row> rows) {
    /** The columns of the features, their boxes and their selection. */
    StructType columns() {
        return rows.drop(ReferencedTables.ID).schema();
    }

    /** The rows with these columns, as views of column batches if Spark reads the table in batches. */
    JavaRDD<StoredRow> storedRows() {
        List<String> names = feature.columns().stream()
                .map(column -> table.field(column).name())
                .toList();
        JavaRDD<StoredRow> stored = SparkRows.scanned(table.scan(names), names, 0)
                .orElseGet(() -> SparkRows.planned(rows.drop(ReferencedTables.ID), 0));
        return stored.getNumPartitions() > 0
                ? stored
                : JavaSparkContext.fromSparkContext(stored.context()).parallelize(List.of(), 1);
    }

    /** The ids, and the places of their rows. */
    Dataset<Row> ids() {
        return rows.select(
                col(ReferencedTables.ID), monotonically_increasing_id().as(ReferencedTables.PLACE));
    }

    /** The number of splits in which the ids are read, at least one. Features must be read in the same ones. */
    int splits() {
        return Math.max(1, SparkRows.internal(ids()).getNumPartitions());
    }

    /** Whether a modality's features have the ids of this one's: the same column of the same table. */
    boolean hasIdsOf(ReferencedModality other) {
        return table.equals(other.table) && reference.id().equals(other.reference.id());
    }

    /** The table with this modality alone. */
    public SourceTable alone() {
        return table.only(feature);
    }

    /** The bytes that are not shuffled if the pairs are brought to this table instead of its features to the pairs. */
    long saved(ReferenceCounts counts) {
        return table.rows().largestRow() * (counts.pairs() - counts.rows());
    }
}
