package dev.braid.spark;

import dev.braid.rows.RowsRelation;
import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import java.util.Collections;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Joins pairs with the feature rows that they refer to. The pairs are shuffled to the splits of the feature table; the
 * features do not move. Driver only.
 */
final class FeatureJoin extends RowsRelation implements TableScan {
    private final ReferencedModality modality;
    private final Dataset<Row> pairs;
    private final PairPartitions partitions;
    private final int carried;

    /**
     * A join that computes nothing yet.
     *
     * @param pairs as {@link PairPartitions#shuffled} gives them, with the place as the last column
     * @param carried how many of their first columns the output carries
     */
    FeatureJoin(ReferencedModality modality, Dataset<Row> pairs, PairPartitions partitions, int carried) {
        super(pairs.sparkSession());
        this.modality = modality;
        this.pairs = pairs;
        this.partitions = partitions;
        this.carried = carried;
    }

    /** What decides which pairs a partition has. */
    String division() {
        return modality.feature().modality().name() + " " + partitions;
    }

    /** The pairs, then the features that they refer to and their selection; null if a pair refers to none. */
    Dataset<Row> rows() {
        return table();
    }

    /** The same rows in Spark's own form. */
    JavaRDD<StoredRow> storedRows() {
        JavaRDD<StoredRow> features = modality.storedRows();
        if (features.getNumPartitions() != partitions.splits()) {
            throw new IllegalStateException("expected features in " + partitions.splits()
                    + " splits, as a scan of the ids has them, got " + features.getNumPartitions());
        }
        int pairColumns = pairs.schema().size();
        int featureColumns = modality.columns().size();
        return pieces(features)
                .zipPartitions(
                        SparkRows.planned(pairs, carried),
                        (rows, referring) -> new JoinedPairs(rows, referring, pairColumns, featureColumns));
    }

    /** The splits of the feature table. If pairs are divided into pieces, each split occurs once per piece. */
    @SuppressWarnings("unchecked") // an array of a generic type
    private JavaRDD<StoredRow> pieces(JavaRDD<StoredRow> features) {
        return partitions.pieces() == 1
                ? features
                : JavaSparkContext.fromSparkContext(features.context())
                        .union(Collections.nCopies(partitions.pieces(), features)
                                .toArray(JavaRDD[]::new));
    }

    @Override
    public StructType schema() {
        return new StructType(
                Stream.of(pairs.schema().fields(), modality.columns().fields())
                        .flatMap(Stream::of)
                        .toArray(StructField[]::new));
    }

    @Override
    public RDD<Row> buildScan() {
        StructType schema = schema();
        return unconverted(storedRows().mapPartitions(rows -> SparkRows.values(rows, schema)));
    }
}
