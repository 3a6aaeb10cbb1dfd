package dev.braid.spark;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.publish.FusedTable;
import dev.braid.storage.InputPlaces;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;

/** Tables as tests open them. */
public final class Tables {
    private Tables() {}

    /** One table that holds every modality. */
    public static FeatureTables paired(SparkSession spark, String path, TableColumns columns) {
        return perModality(
                spark,
                columns.features().stream()
                        .map(FeatureColumn::modality)
                        .collect(Collectors.toMap(ModalityConfig::name, modality -> path)),
                columns);
    }

    public static FeatureTables perModality(SparkSession spark, Map<String, String> paths, TableColumns columns) {
        return FeatureTables.perModality(new InputTables(spark), paths, columns);
    }

    /** An audit of one table with this many rows, all of whose keys are good. */
    static AuditedKeys goodKeys(long rows) {
        return new AuditedKeys(rows, List.of(rows), Map.of(), 0, false, AuditedKeys.Known.NONE, Map.of());
    }

    /** The place of a fused table, published in the way that suits its file system. */
    public static FusedTable output(String path, boolean overwrite, Collection<String> inputs, Configuration hadoop) {
        return FusedTable.at(path, overwrite, Optional.empty(), places(inputs, hadoop), hadoop);
    }

    /** What a run reads. */
    public static InputPlaces places(Collection<String> tables, Configuration hadoop) {
        try {
            return InputPlaces.of(tables, List.of(), hadoop);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
