package dev.braid.spark;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.RowDecoder;
import dev.braid.decode.RowLimits;
import dev.braid.decode.RowPolicy;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.Serializable;
import java.util.Set;
import org.apache.spark.sql.types.StructType;

/**
 * How a paired table becomes a fused one.
 *
 * @param columns the columns to read
 * @param maxTokens the token budget of a packed batch, and therefore of a row
 * @param truncate whether to cut a sequence for which the model has too few positions; otherwise its row is refused
 * @param emitted what the output holds for each row, at least one
 * @param vectors how the output's vectors are stored
 * @param precision the precision in which the model computes
 * @param policy what happens to rows that cannot be fused. A {@code Dataset} has no quarantine: there such a row always fails
 *     the job, and the policy only decides whether rows may lack modalities
 */
public record FusionConfig(
        TableColumns columns,
        int maxTokens,
        boolean truncate,
        Set<Emitted> emitted,
        VectorForm vectors,
        Precision precision,
        RowPolicy policy)
        implements Serializable {

    public FusionConfig {
        emitted = Set.copyOf(emitted);
        if (maxTokens < columns.features().size()) {
            throw new IllegalArgumentException(
                    "expected a token budget of at least one token per modality, got " + maxTokens);
        }
        if (emitted.isEmpty()) {
            throw new IllegalArgumentException("expected something to emit, got nothing");
        }
    }

    /** Stores arrays, computes in float32, and fails at a row that cannot be fused. */
    public FusionConfig(TableColumns columns, int maxTokens, boolean truncate, Set<Emitted> emitted) {
        this(columns, maxTokens, truncate, emitted, VectorForm.ARRAY, Precision.FLOAT32, RowPolicy.FAIL);
    }

    /** This configuration with another policy. */
    public FusionConfig with(RowPolicy other) {
        return new FusionConfig(columns, maxTokens, truncate, emitted, vectors, precision, other);
    }

    /** Which rows can be fused. */
    RowLimits limits() {
        return new RowLimits(maxTokens, truncate, emits(Emitted.POOLED), policy.fusesRest());
    }

    /**
     * Reads the features of rows.
     *
     * @param paired the schema of a paired table
     */
    RowDecoder decoder(ModelConfig model, StructType paired) {
        return new RowDecoder(columns.key(), columns.features(), limits(), model, paired);
    }

    /** Whether the output holds {@code what}. */
    public boolean emits(Emitted what) {
        return emitted.contains(what);
    }
}
