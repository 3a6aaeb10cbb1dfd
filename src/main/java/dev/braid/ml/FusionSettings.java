package dev.braid.ml;

import static org.apache.spark.ml.functions.array_to_vector;
import static org.apache.spark.sql.functions.col;

import dev.braid.InputException;
import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelDigest;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import dev.braid.failure.TransientException;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Verification;
import dev.braid.tables.SelectionColumn;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The parameters of a {@link FusionTransformer}, parsed. Transformers with equal settings share an engine.
 *
 * @param modelSha256 the SHA-256 that the model must have; null for any model
 * @param key the column that identifies a row; null if rows have no key
 * @param idColumns the columns of the table whose type allows token ids
 * @param vectors how vectors are stored; empty for Spark ML's vectors
 * @param pooling null for the model's own pooling
 */
record FusionSettings(
        String model,
        String modelSha256,
        String key,
        Map<String, String> columns,
        Map<String, ElementType> dtypes,
        Map<String, String> boxes,
        Map<String, SelectionColumn> selections,
        Set<String> idColumns,
        Set<Emitted> emitted,
        Optional<VectorForm> vectors,
        Pooling pooling,
        boolean truncate,
        int maxTokens,
        Precision precision,
        OnMissing onMissing,
        boolean noVerify,
        double tolerance) {
    private static final String FUSED = "fused";

    /**
     * Reads a transformer's parameters.
     *
     * @param table the columns of the tables that it fuses
     * @throws InputException with all wrong parameters in one message
     */
    static FusionSettings of(FusionTransformer transformer, StructType table) {
        ParamValues values = new ParamValues(transformer);
        FusionSettings settings = new FusionSettings(
                values.required(transformer.model()),
                values.text(transformer.modelSha256()),
                values.text(transformer.key()),
                values.byModality(transformer.column()),
                values.byModality(transformer.dtype(), ElementType::configName, List.of(ElementType.values())),
                values.byModality(transformer.boxes()),
                values.selections(transformer.mask(), transformer.length()),
                TableColumns.ofTokenIds(table),
                values.some(transformer.emit(), Emitted::configName, List.of(Emitted.values())),
                values.one(
                        transformer.vectors(),
                        form -> form.map(VectorForm::configName).orElse("vector"),
                        vectorForms()),
                values.one(transformer.pooling(), Pooling::configName, List.of(Pooling.values())),
                values.flag(transformer.truncate()),
                values.atLeastOne(transformer.maxTokens()),
                values.one(transformer.precision(), Precision::configName, List.of(Precision.values())),
                values.one(
                        transformer.onMissingModality(),
                        OnMissing::configName,
                        List.of(OnMissing.FAIL, OnMissing.FUSE_REST)),
                values.flag(transformer.noVerify()),
                values.positive(transformer.tolerance()));
        values.refuseWrong();
        return settings;
    }

    private static List<Optional<VectorForm>> vectorForms() {
        List<Optional<VectorForm>> forms = new ArrayList<>();
        forms.add(Optional.empty());
        for (VectorForm form : VectorForm.values()) {
            forms.add(Optional.of(form));
        }
        return forms;
    }

    /** The fused table with its vectors in the form that these settings ask for. */
    Dataset<Row> asVectors(Dataset<Row> fused) {
        return vectors.isEmpty() && emitted.contains(Emitted.POOLED)
                ? fused.withColumn(FUSED, array_to_vector(col(FUSED)))
                : fused;
    }

    /**
     * Reads and verifies the model, and opens an engine for it.
     *
     * @throws InputException if the model has another SHA-256, is damaged, does not give PyTorch's numbers on this machine, or
     *     cannot give what the parameters ask for
     * @throws TransientException if its files change while they are read
     */
    FusionEngine open(SparkSession session) {
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        ModelDigest digest = ModelDigest.of(model, hadoop);
        digest.require(modelSha256);
        Checkpoint features = Checkpoint.read(model, hadoop);
        Checkpoint stored = features.withTokenIds(
                TableColumns.of(features.config(), key, List.of(), columns, dtypes, boxes, selections)
                        .tokenIds(idColumns),
                model,
                hadoop);
        Checkpoint checkpoint = pooling == null ? stored : stored.withPooling(pooling);
        checkBudget(checkpoint.config());
        FusionConfig config = new FusionConfig(
                TableColumns.of(checkpoint.config(), key, List.of(), columns, dtypes, boxes, selections),
                maxTokens,
                truncate,
                emitted,
                vectors.orElse(VectorForm.ARRAY),
                precision,
                new RowPolicy(OnBadRow.FAIL, MaxBadRows.UNLIMITED, onMissing));
        FusionEngine.check(checkpoint, config);
        Verification verification =
                noVerify ? Verification.skipped() : Verification.of(model, stored, tolerance, precision, hadoop);
        Verification.refuseChanged(digest);
        return FusionEngine.open(session, checkpoint, verification.proof(), config);
    }

    private void checkBudget(ModelConfig config) {
        if (maxTokens < config.fewestTokens()) {
            throw new InputException("Cannot fuse batches of 'maxTokens' " + maxTokens + ": expected at least "
                    + config.fewestTokens() + " (" + config.shortestRow() + ")");
        }
    }
}
