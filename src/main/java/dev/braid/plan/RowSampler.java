package dev.braid.plan;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.RowDecoder;
import dev.braid.failure.SparkFailure;
import dev.braid.rows.StoredRow;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.PairedTable;
import dev.braid.spark.TableColumns;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.JobDescription;
import dev.braid.tables.SourceTable;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.functions;

/** Decodes the first rows of a table, one modality at a time, as a fusion with a model does. */
final class RowSampler {
    /** The key of rows if no column is named, or if the table lacks it. */
    static final String ROW_NUMBER = "(row)";

    private final FusionConfig config;
    private final ModelConfig model;

    RowSampler(FusionConfig config, ModelConfig model) {
        this.config = config;
        this.model = model;
    }

    static SourceTable withRowNumber(SourceTable source) {
        return source.with(ROW_NUMBER, functions.monotonically_increasing_id());
    }

    /**
     * The first rows of one modality; empty if its column cannot be read.
     *
     * @param key the column that messages name rows by; null if there is none
     */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    Optional<List<SampledRow>> sample(SourceTable source, String key, FeatureColumn feature) {
        Optional<PairedTable> alone = alone(source, key, feature);
        if (alone.isEmpty()) {
            return Optional.empty();
        }
        try (JobDescription sampling =
                JobDescription.of(alone.get().rows().sparkSession(), "read the first rows of " + source.name())) {
            return Optional.of(sample(alone.get()));
        }
    }

    /**
     * A table of the key and one modality; empty if the modality's column cannot be read. Sequences that a fusion would not
     * cut have no limit here, so that all lengths are found.
     */
    private Optional<PairedTable> alone(SourceTable source, String key, FeatureColumn feature) {
        ModalityConfig modality = feature.modality();
        boolean isCut = config.truncate() && !model.takesVectors();
        FeatureColumn sampled = new FeatureColumn(
                isCut ? modality : modality.withMaxPositions(ModalityConfig.UNLIMITED),
                feature.column(),
                feature.dtype(),
                feature.boxes(),
                feature.selection());
        boolean keyed = key != null && source.has(key);
        TableColumns own = new TableColumns(keyed ? key : ROW_NUMBER, List.of(), List.of(sampled));
        try {
            return Optional.of(PairedTable.of((keyed ? source : withRowNumber(source)).data(), own));
        } catch (InputException reported) {
            return Optional.empty();
        }
    }

    /** Decodes the first rows. Reads only as many partitions as needed, and returns findings instead of rows. */
    private List<SampledRow> sample(PairedTable alone) {
        ModalityConfig modality = alone.columns().features().get(0).modality();
        // If the pooling takes the first token of a modality, a mask must not drop that token.
        boolean isPooled = model.firstTokenModalities(config.emits(Emitted.POOLED)).stream()
                .anyMatch(pooled ->
                        modality.name().equals(model.modalities().get(pooled).name()));
        FusionConfig ofOne = new FusionConfig(
                alone.columns(),
                Integer.MAX_VALUE,
                config.truncate(),
                Set.of(isPooled ? Emitted.POOLED : Emitted.TOKENS));
        RowDecoder decoder = alone.decoder(ofOne, only(modality));
        int tokenSize = modality.tokenSize();
        try {
            JavaRDD<StoredRow> rows = alone.storedRows();
            return rows
                    .map(row -> SampledRow.of(row, decoder, tokenSize).text())
                    .take(TableInspection.SAMPLED_ROWS)
                    .stream()
                    .map(SampledRow::parse)
                    .toList();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        }
    }

    /** A model with the same inputs for one modality, and no other modality. */
    private ModelConfig only(ModalityConfig modality) {
        return model.takesVectors()
                ? ModelConfig.ofVectors(List.of(modality), model.vectors())
                : ModelConfig.singleStream(
                                List.of(modality),
                                false,
                                1,
                                model.stacks().get(0).layer(),
                                model.pooling())
                        .withPositions(model.positions());
    }
}
