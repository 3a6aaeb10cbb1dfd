package dev.braid.tables;

import dev.braid.publish.InputFile;
import dev.braid.storage.Footers;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Tables that are read as a snapshot, without a catalog that has such tables. */
public final class Snapshots {
    private Snapshots() {}

    public static SourceTable of(Dataset<Row> rows, List<FeatureColumn> features) {
        return new SourceTable(
                "t",
                null,
                rows,
                features,
                false,
                SourceTable.columns(rows.schema()),
                List.of(new InputFile("t", "file:/t", 1, "", null, "5", rows.count())),
                Footers.Rows.NONE,
                Map.of());
    }
}
