package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;
import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SharedSpark.class)
class FeatureIdsTest {
    private final SparkSession spark;

    FeatureIdsTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void everyQueryHasAllIdsAndTheTableIsReadOnce() {
        LongAccumulator read = spark.sparkContext().longAccumulator();
        UDF1<Long, String> id = n -> {
            read.add(1);
            return "i-" + n;
        };
        Dataset<Row> table = spark.range(100)
                .select(udf(id, DataTypes.StringType)
                        .asNondeterministic()
                        .apply(col("id"))
                        .as(ReferencedTables.ID));
        FeatureIds ids = new FeatureIds(table, 3);
        assertThat(read.sum()).isZero();
        for (int query = 0; query < 3; query++) {
            Dataset<Row> found = ids.table().groupBy(ReferencedTables.ID).count();
            assertThat(found.where("count = 1").count()).isEqualTo(100);
        }
        assertThat(read.sum()).isEqualTo(100);
    }
}
