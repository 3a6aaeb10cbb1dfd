package dev.braid.spark;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.progress.FusionProgress;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** One fusion by an engine that stays open, for tests that look at rows alone. */
public final class FusionEngines {
    private FusionEngines() {}

    public static Dataset<Row> fuse(
            Dataset<Row> table, Checkpoint checkpoint, FusionConfig config, FusionProgress progress) {
        return fuse(PairedTable.of(table, config.columns()), checkpoint, config, progress);
    }

    public static Dataset<Row> fuse(
            PairedTable table, Checkpoint checkpoint, FusionConfig config, FusionProgress progress) {
        return FusionEngine.open(table.rows().sparkSession(), checkpoint, Optional.empty(), config)
                .fuse(table, progress);
    }
}
