package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.checkpoint.VectorStep;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The shapes of the matrices of one {@link FusionWorkspace}, which allocates exactly these.
 *
 * <p>N is the token budget, rounded up to a multiple of 16; B the smaller of N and 128, a block of tokens; K a feature
 * size; D a stream's hidden size or, in a matrix that all streams share, the largest one; F the largest intermediate
 * size; G the size of a token's keys.
 *
 * @param features per modality [B, K]: a token's features and its box, or its id
 * @param words per modality of token ids [B, size of a word embedding], null for others
 * @param streams per stream
 * @param queryKeyValue [N, D + 2 G]
 * @param context [N, D]
 * @param attention [1, {@link Kernels#attentionScratch}]
 * @param intermediate [B, F], or [B, K] of the first inputs of bilinear steps
 * @param up [B, F], or null if no feed-forward has a gate
 * @param vectors [B, D] for each step of a model of one vector per modality, except for the last step
 */
record WorkspaceShapes(
        List<Size> features,
        List<Size> words,
        List<StreamSizes> streams,
        Size queryKeyValue,
        Size context,
        Size attention,
        Size intermediate,
        Size up,
        List<Size> vectors) {
    /** The size of the attention matrices in a model without attention. */
    private static final Size NONE = new Size(1, 1);

    /** The size of one matrix. */
    record Size(long rows, long columns) {
        long elements() {
            return rows * columns;
        }

        long bytes() {
            return Matrix.bytes(rows, columns);
        }
    }

    /**
     * The sizes of one stream's matrices.
     *
     * @param hidden [N, D]
     * @param projected [B, D]
     * @param normed [B, D], also for projected boxes
     */
    record StreamSizes(Size hidden, Size projected, Size normed) {
        Stream<Size> all() {
            return Stream.of(hidden, projected, normed);
        }
    }

    static WorkspaceShapes of(ModelConfig config, int maxTokens) {
        long height = Block.roundUp(maxTokens);
        long blockHeight = Math.min(height, Block.MAX_TOKENS);
        long widest = config.streams().stream()
                .mapToInt(StreamConfig::hiddenSize)
                .max()
                .getAsInt();
        long intermediate = IntStream.concat(
                        config.stacks().stream().mapToInt(stack -> stack.layer().intermediateSize()),
                        config.vectors().stream()
                                .filter(step -> step.kind() == VectorStep.Kind.BILINEAR)
                                .mapToInt(
                                        step -> config.vectorSize(step.inputs().get(0))))
                .max()
                .orElse(0);
        long scratch = config.stacks().stream()
                .mapToLong(stack -> Kernels.attentionScratch(
                        stack.layer().hiddenSize(), stack.layer().heads(), maxTokens))
                .max()
                .orElse(1);
        long projected = config.stacks().stream()
                .mapToLong(
                        stack -> stack.layer().hiddenSize() + 2L * stack.layer().keyValueSize())
                .max()
                .orElse(1);
        boolean attends = !config.stacks().isEmpty();
        Size ofBlock = new Size(blockHeight, Math.max(1, intermediate));
        boolean gated = config.stacks().stream().anyMatch(stack -> stack.layer().gatedFeedForward());
        return new WorkspaceShapes(
                config.modalities().stream()
                        .map(modality -> new Size(blockHeight, modality.tokenSize()))
                        .toList(),
                config.modalities().stream()
                        .map(modality -> modality.tokenIds() ? new Size(blockHeight, modality.featureSize()) : null)
                        .toList(),
                config.streams().stream()
                        .map(stream -> new StreamSizes(
                                new Size(height, stream.hiddenSize()),
                                new Size(blockHeight, stream.hiddenSize()),
                                new Size(blockHeight, stream.hiddenSize())))
                        .toList(),
                attends ? new Size(height, projected) : NONE,
                attends ? new Size(height, widest) : NONE,
                new Size(1, scratch),
                ofBlock,
                gated ? ofBlock : null,
                config.vectors().stream()
                        .limit(Math.max(0, config.vectors().size() - 1))
                        .map(step -> new Size(blockHeight, step.size()))
                        .toList());
    }

    /** The bytes of all matrices. */
    long bytes() {
        return all().mapToLong(Size::bytes).sum();
    }

    /** The number of elements of the largest matrix. */
    long mostElements() {
        return all().mapToLong(Size::elements).max().getAsLong();
    }

    private Stream<Size> all() {
        return Stream.of(
                        features.stream(),
                        words.stream(),
                        streams.stream().flatMap(StreamSizes::all),
                        Stream.of(queryKeyValue, context, attention, intermediate, up),
                        vectors.stream())
                .flatMap(sizes -> sizes)
                .filter(Objects::nonNull);
    }
}
