package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.List;

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
    record Size(int rows, int columns) {
        long bytes() {
            return Matrix.bytes(rows, columns);
        }
    }

    static WorkspaceShapes of(ModelConfig config, int maxTokens) {
        int height = Block.roundUp(maxTokens);
        int blockHeight = Math.min(height, Block.MAX_TOKENS);
        int hiddenSize = config.hiddenSize();
        return new WorkspaceShapes(
                config.modalities().stream()
                        .map(modality -> new Size(blockHeight, modality.featureSize()))
                        .toList(),
                new Size(blockHeight, hiddenSize),
                new Size(height, hiddenSize),
                new Size(blockHeight, hiddenSize),
                new Size(height, 3 * hiddenSize),
                new Size(height, hiddenSize),
                new Size(1, Math.toIntExact(Kernels.attentionScratch(hiddenSize, config.heads(), maxTokens))),
                new Size(blockHeight, config.intermediateSize()));
    }

    /** Of all matrices. */
    long bytes() {
        List<Size> all = new ArrayList<>(features);
        all.addAll(List.of(projected, hidden, normed, queryKeyValue, context, attention, intermediate));
        return all.stream().mapToLong(Size::bytes).sum();
    }
}
