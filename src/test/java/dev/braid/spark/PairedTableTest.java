package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.Snapshots;
import dev.braid.tables.SourceTable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SharedSpark.class)
class PairedTableTest {
    private final SparkSession spark;

    PairedTableTest(SparkSession spark) {
        this.spark = spark;
    }

    /** Another run may find a snapshot's rows in other partitions; once they are distributed by key, it does not. */
    @Test
    void onlyRowsOfASnapshotThatAreDistributedByKeyAreFoundAgainWhereTheyWere() {
        TableColumns columns = new TableColumns(
                "id", List.of(), List.of(new FeatureColumn(new ModalityConfig("visual", 2), "visual", null)));
        Dataset<Row> rows = spark.sql("SELECT string(id) AS id, array(float(id), 2f) AS visual FROM range(4)");
        SourceTable table = Snapshots.of(rows, columns.features());
        List<Dataset<Row>> selected = new ColumnCheck(List.of(table), columns, new ArrayList<>()).select();
        PairedTable scanned = PairedTable.stored(table, selected.get(0), columns);
        Dataset<Row> keys = spark.sql("SELECT '1' AS key");
        assertThat(scanned.isRepeatable()).isFalse();
        assertThat(scanned.without(keys, true).isRepeatable()).isFalse();
        assertThat(scanned.keeping(List.of()).isRepeatable()).isFalse();
        assertThat(scanned.repartition(2).isRepeatable()).isTrue();
        assertThat(scanned.repartition(2).without(keys, false).isRepeatable()).isTrue();
        assertThat(PairedTable.joined(selected, columns).isRepeatable()).isTrue();
    }
}
