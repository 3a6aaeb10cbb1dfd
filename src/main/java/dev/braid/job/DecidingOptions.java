package dev.braid.job;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.publish.Manifest;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.Reference;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.SelectionColumn;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The options that decide the rows of the output: their names in an options file, and the values in effect. A test checks
 * that no option is missing.
 */
final class DecidingOptions {
    private DecidingOptions() {}

    /**
     * The options by name.
     *
     * @param config what {@link FuseOptions#config} gives
     * @param references how pairs refer to each modality
     * @param partitionBy the columns that name directories
     * @param model with the pooling of {@link FuseOptions#repooled}
     */
    static Map<String, String> of(
            FusionConfig config, Map<String, Reference> references, List<String> partitionBy, ModelConfig model) {
        Map<String, String> deciding = new TreeMap<>();
        references.forEach((modality, reference) -> {
            deciding.put("pair." + modality, reference.column());
            deciding.put("id." + modality, reference.id());
        });
        deciding.put("key", config.columns().key());
        if (!partitionBy.isEmpty()) {
            deciding.put(Manifest.PARTITION_BY, String.join(",", partitionBy));
        }
        if (!config.columns().keep().isEmpty()) {
            deciding.put("keep", String.join(",", config.columns().keep()));
        }
        for (FeatureColumn feature : config.columns().features()) {
            String modality = "." + feature.modality().name();
            ElementType dtype = feature.dtype() == null ? ElementType.FLOAT32 : feature.dtype();
            deciding.put("column" + modality, feature.column());
            deciding.put("dtype" + modality, dtype.configName());
            if (feature.boxes() != null) {
                deciding.put("boxes" + modality, feature.boxes());
            }
            if (feature.selection() != null) {
                boolean mask = feature.selection().kind() == SelectionColumn.Kind.MASK;
                deciding.put(
                        (mask ? "mask" : "length") + modality,
                        feature.selection().column());
            }
        }
        deciding.put("max-tokens", String.valueOf(config.maxTokens()));
        deciding.put("truncate", String.valueOf(config.truncate()));
        deciding.put(
                "emit",
                Arrays.stream(Emitted.values())
                        .filter(config::emits)
                        .map(Emitted::configName)
                        .collect(Collectors.joining(",")));
        deciding.put("vectors", config.vectors().configName());
        deciding.put("pooling", model.pooling().configName());
        deciding.put("precision", config.precision().configName());
        deciding.put("on-bad-row", config.policy().onBadRow().configName());
        deciding.put("max-bad-rows", config.policy().maxBadRows().toString());
        deciding.put("on-missing-modality", config.policy().onMissing().configName());
        return deciding;
    }
}
