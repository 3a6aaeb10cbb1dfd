package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Matrix;
import java.util.List;
import java.util.stream.Stream;

/**
 * The shapes of the matrices of one {@link FusionWorkspace}, which allocates exactly these (N the token budget, rounded up to a
 * multiple of 16, B at most 128 of them, K a feature size, D hidden, F intermediate size, H heads).
 *
 * @param features per modality [B, K]
 * @param projected [B, D]
 * @param hidden [N, D]
 * @param normed [B, D]
 * @param queryKeyValue [N, 3 D]
 * @param context [N, D]
 * @param scores [H min(N, 128), N], N as it was given
 * @param intermediate [B, F]
 */
record WorkspaceShapes(
        List<Size> features,
        Size projected,
        Size hidden,
        Size normed,
        Size queryKeyValue,
        Size context,
        Size scores,
        Size intermediate) {
    /** Queries of a row that are attended together. */
    static final int MAX_QUERIES = 128;

    /** Of one matrix. */
    record Size(long rows, long columns) {
        long elements() {
            return rows * columns;
        }

        long bytes() {
            return Matrix.bytes(rows, columns);
        }
    }

    static WorkspaceShapes of(ModelConfig config, int maxTokens) {
        long height = Block.roundUp(maxTokens);
        long blockHeight = Math.min(height, Block.MAX_TOKENS);
        long hiddenSize = config.hiddenSize();
        return new WorkspaceShapes(
                config.modalities().stream()
                        .map(modality -> new Size(blockHeight, modality.featureSize()))
                        .toList(),
                new Size(blockHeight, hiddenSize),
                new Size(height, hiddenSize),
                new Size(blockHeight, hiddenSize),
                new Size(height, 3 * hiddenSize),
                new Size(height, hiddenSize),
                new Size((long) config.heads() * Math.min(maxTokens, MAX_QUERIES), maxTokens),
                new Size(blockHeight, config.intermediateSize()));
    }

    /** Of all matrices. */
    long bytes() {
        return all().mapToLong(Size::bytes).sum();
    }

    /** Of the largest matrix. */
    long mostElements() {
        return all().mapToLong(Size::elements).max().getAsLong();
    }

    private Stream<Size> all() {
        return Stream.concat(
                features.stream(), Stream.of(projected, hidden, normed, queryKeyValue, context, scores, intermediate));
    }
}
