package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.model.FusionModel;
import dev.braid.model.Proof;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Fusing: a function from a paired table to a fused one, row for row and in order. The work is in {@link FusePartition},
 * which runs when the result is asked for, each time anew; only shuffles that the paired table itself needs may run at
 * once, where the session executes adaptively.
 */
public final class Fusion {
    private Fusion() {}

    /**
     * Fuses a table that holds every modality, whatever else it holds.
     *
     * @param proof replayed in every executor JVM before its first row, if there is one
     * @return the key, the kept columns, and then, as {@code config} says, {@code fused} (array of hidden size floats),
     *     {@code fused_tokens} (an array of those, in the model's token order), {@code fused_lengths} (a struct that
     *     counts each modality's tokens, in token order), {@code attention} (a struct of the share of attention that
     *     each modality's tokens received) and {@code attention_by_layer} (an array of those). The structs have a field
     *     {@code cls} first where the model has a CLS token. Tokens that a mask or length leaves out are absent
     * @throws InputException if the table lacks a column, or one has the wrong type. A row that cannot be fused, or an
     *     executor that cannot compute in the precision asked for, fails the job that computes the result, with an {@code
     *     InputException} as the cause
     */
    public static Dataset<Row> fuse(
            Dataset<Row> paired,
            Checkpoint checkpoint,
            Optional<Proof> proof,
            FusionConfig config,
            FusionProgress progress) {
        return fuse(PairedTable.of(paired, config.columns()), checkpoint, proof, config, progress);
    }

    /** As above, on columns that are chosen already. */
    public static Dataset<Row> fuse(
            PairedTable paired,
            Checkpoint checkpoint,
            Optional<Proof> proof,
            FusionConfig config,
            FusionProgress progress) {
        check(paired, checkpoint, config);
        FusionModel.check(checkpoint.config(), config.maxTokens());
        SparkSession session = paired.rows().sparkSession();
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        FusePartition function = new FusePartition(
                spark.broadcast(checkpoint),
                proof.map(spark::broadcast).orElse(null),
                config,
                paired.carried(),
                paired.decoder(config, checkpoint.config()),
                progress);
        return session.createDataFrame(
                paired.internalRows().mapPartitions(function), FusedSchema.of(paired, config, checkpoint.config()));
    }

    private static void check(PairedTable paired, Checkpoint checkpoint, FusionConfig config) {
        List<ModalityConfig> given = config.columns().features().stream()
                .map(FeatureColumn::modality)
                .toList();
        List<ModalityConfig> expected = checkpoint.config().modalities();
        if (!given.equals(expected) || !paired.columns().equals(config.columns())) {
            throw new IllegalArgumentException("expected one set of columns, for modalities " + expected + ", got "
                    + config.columns() + " and " + paired.columns());
        }
        if (config.emits(Emitted.POOLED) && checkpoint.config().pooling() == Pooling.NONE) {
            throw new InputException("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got"
                    + " 'none'; name one, or emit tokens");
        }
    }
}
