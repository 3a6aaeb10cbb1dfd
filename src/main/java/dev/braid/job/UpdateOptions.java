package dev.braid.job;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.destination.TableUpdate;
import dev.braid.publish.Origin;
import dev.braid.spark.FusionConfig;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Option;

/** The options for updating a published table. */
final class UpdateOptions {
    @Option(
            names = "--update",
            description = "Fuse only the rows whose key is not in the published table yet, and publish them with the"
                    + " others, in place. Model and options must be those of the table. Without a table it is an ordinary"
                    + " run. Default: refuse a table that exists.")
    boolean update;

    @Option(
            names = "--changed-by",
            paramLabel = "COL",
            converter = FuseOptions.ColumnName.class,
            description =
                    "With --update: also fuse a row again if its value of column COL (a version or a time) differs from"
                            + " the published table's. The column is kept as if --keep named it. Default: existing rows stay"
                            + " unchanged.")
    String changedBy;

    @Option(
            names = "--prune",
            description =
                    "With --update: remove the rows whose key the input does not have any more. Default: they stay,"
                            + " and are counted.")
    boolean prune;

    /**
     * Checks what picocli cannot check.
     *
     * @throws UsageException if an option is given without the option that it needs, or with one that it excludes
     */
    void check(boolean overwrite) {
        if (update && overwrite) {
            throw new UsageException(
                    "Cannot fuse: expected one of '--update' (adds to the table) and '--overwrite' (writes it"
                            + " anew), got both");
        }
        if (!update && (changedBy() != null || prune)) {
            throw new UsageException(
                    "Cannot fuse: expected '--update' with '" + (prune ? "--prune" : "--changed-by") + "', got none");
        }
    }

    /** The column whose value shows whether a row has changed; null if there is none. */
    String changedBy() {
        return InputOptions.isMissing(changedBy) ? null : changedBy;
    }

    /** The run that updates this table. */
    TableUpdate of(SparkSession spark, String table, Origin origin, FusionConfig config, ModelConfig model) {
        return new TableUpdate(spark, table, origin, config, model, changedBy(), prune);
    }

    /** The kept columns, including the column that shows whether a row has changed. */
    List<String> keep(List<String> named) {
        List<String> keep = new ArrayList<>(named);
        if (changedBy() != null && !keep.contains(changedBy())) {
            keep.add(changedBy());
        }
        return keep;
    }
}
