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
 */
public record FusionConfig(
        TableColumns columns,
        int maxTokens,
        boolean truncate,
        Set<Emitted> emitted,
        VectorForm vectors,
        Precision precision)
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

    /** Arrays, computed in float32. */
    public FusionConfig(TableColumns columns, int maxTokens, boolean truncate, Set<Emitted> emitted) {
        this(columns, maxTokens, truncate, emitted, VectorForm.ARRAY, Precision.FLOAT32);
    }

    /** Whether the output holds that of a row. */
    public boolean emits(Emitted what) {
        return emitted.contains(what);
    }
}
