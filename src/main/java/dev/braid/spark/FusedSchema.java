package dev.braid.spark;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.model.Readout;
import dev.braid.task.FusedColumn;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The columns that a fusion adds to a table, and how large they are. */
public final class FusedSchema {
    private FusedSchema() {}

    /** The columns that a fusion adds, in the order in which they are stored and hashed. */
    public static List<FusedColumn> columns(FusionConfig config, ModelConfig model) {
        List<FusedColumn> columns = new ArrayList<>();
        if (config.emits(Emitted.POOLED)) {
            columns.addAll(FusedColumn.pooled(config.vectors()));
        }
        if (config.emits(Emitted.TOKENS)) {
            columns.addAll(FusedColumn.tokens(config.vectors(), model));
        }
        if (config.emits(Emitted.ATTENTION)) {
            columns.add(FusedColumn.attention(model));
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            columns.add(FusedColumn.attentionByLayer(model));
        }
        return columns;
    }

    /** What a fusion reads from the model besides the pooled vectors. */
    public static Set<Readout> readouts(FusionConfig config, ModelConfig model) {
        return columns(config, model).stream()
                .flatMap(column -> column.readout().stream())
                .collect(Collectors.toSet());
    }

    /**
     * The approximate bytes of a fused table, before compression and without its kept columns.
     *
     * @param rows of the table
     * @param inputBytes bytes of the feature files. The number of tokens is not known before the rows are read, so it is
     *     estimated from these bytes, with 4 bytes per number and the mean feature size
     */
    public static long bytes(FusionConfig config, ModelConfig model, long rows, long inputBytes) {
        double bytes = 0;
        if (config.emits(Emitted.POOLED)) {
            bytes += (double) rows * model.hiddenSize() * config.vectors().bytes();
        }
        if (config.emits(Emitted.TOKENS)) {
            double featureSize = model.modalities().stream()
                    .mapToInt(ModalityConfig::featureSize)
                    .average()
                    .orElse(1);
            bytes += inputBytes
                    / (Float.BYTES * featureSize)
                    * model.hiddenSize()
                    * config.vectors().bytes();
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            bytes += (double) rows * model.attentions().size() * model.groups().size() * Float.BYTES;
        }
        return (long) bytes;
    }
}
