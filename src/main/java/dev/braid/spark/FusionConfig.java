package dev.braid.spark;

import dev.braid.model.Precision;
import java.io.Serializable;
import java.util.Set;

/**
 * How a paired table becomes a fused one.
 *
 * @param columns what is read
 * @param maxTokens the token budget of one packed batch, and so of one row
 * @param truncate whether a sequence that the model has not enough positions for is cut; otherwise its row is refused
 * @param emitted what the output holds of a row, at least one
 * @param vectors how the output's vectors are stored
 * @param precision what the model computes in
 * @param policy what happens to rows that cannot be fused; a {@code Dataset} has no quarantine, so there such a row always
 *     fails the job, and of the policy only whether rows may lack modalities counts
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

    /** Arrays, computed in float32; a row that cannot be fused is an error. */
    public FusionConfig(TableColumns columns, int maxTokens, boolean truncate, Set<Emitted> emitted) {
        this(columns, maxTokens, truncate, emitted, VectorForm.ARRAY, Precision.FLOAT32, RowPolicy.FAIL);
    }

    /** The same, but for the policy. */
    public FusionConfig with(RowPolicy other) {
        return new FusionConfig(columns, maxTokens, truncate, emitted, vectors, precision, other);
    }

    /** Whether the output holds that of a row. */
    public boolean emits(Emitted what) {
        return emitted.contains(what);
    }
}
