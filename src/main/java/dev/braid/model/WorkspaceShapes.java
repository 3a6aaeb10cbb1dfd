package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.List;
import java.util.stream.Stream;

/**
 * The shapes of the matrices of one {@link FusionWorkspace}, which allocates exactly these (N the token budget, rounded up to a
 * multiple of 16, B at most 128 of them, K a feature size, D hidden, F intermediate size).
 *
 * @param features per modality [B, K]
 * @param projected [B, D]
 * @param hidden [N, D]
 * @param normed [B, D]
 * @param queryKeyValue [N, 3 D]
 * @param context [N, D]
 * @param attention [1, as much as {@link Kernels#attentionScratch} says]
 * @param intermediate [B, F]
 */
record WorkspaceShapes(
        List<Size> features,
        Size projected,
        Size hidden,
        Size normed,
        Size queryKeyValue,
        Size context,
        Size attention,
        Size intermediate) {
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
                new Size(1, Kernels.attentionScratch(config.hiddenSize(), config.heads(), maxTokens)),
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
                features.stream(),
                Stream.of(projected, hidden, normed, queryKeyValue, context, attention, intermediate));
    }
}
