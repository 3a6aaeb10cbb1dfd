package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.VectorStep;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Matrix;
import dev.braid.tensor.Precision;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A fusion Transformer ready to run: one set of weights per JVM, packed for the kernels, immutable and shared by all
 * threads. Its layers are those of Vaswani et al. 2017 (arXiv 1706.03762, section 3.1), over the concatenated
 * modalities or over several streams of them; a model of one vector per modality has {@link VectorStep}s instead. Every
 * kind of model reproduces PyTorch's numbers (proven by {@code GoldenParityTest}).
 */
public final class FusionModel implements AutoCloseable {
    private final ModelConfig config;
    private final KernelLibrary library;
    private final WeightPacker packer;
    private final List<Projector> projectors;
    private final List<Step> steps;
    private final Optional<TanhPooler> pooler;
    private volatile boolean closed;

    private FusionModel(ModelConfig config, ModelWeights weights, KernelLibrary library, WeightPacker packer) {
        this.config = config;
        this.library = library;
        this.packer = packer;
        this.projectors = Steps.projectors(config, weights, packer);
        this.steps = Steps.of(config, weights, packer);
        this.pooler = config.pooling() == Pooling.POOLER
                ? Optional.of(new TanhPooler(packer.linear(weights.pooler())))
                : Optional.empty();
    }

    /** Packs the weights of a checkpoint for the best float32 kernels that this machine can load. */
    public static FusionModel load(Checkpoint checkpoint) {
        return load(checkpoint, Precision.FLOAT32);
    }

    /**
     * Packs the weights of a checkpoint for the best kernels of a precision.
     *
     * @throws InputException for the reasons of {@link #checkPrecision}
     */
    public static FusionModel load(Checkpoint checkpoint, Precision precision) {
        return load(checkpoint, KernelLibrary.best(precision));
    }

    /** Packs the weights of a checkpoint for one implementation of the kernels. */
    public static FusionModel load(Checkpoint checkpoint, KernelLibrary library) {
        checkSizes(checkpoint.config(), 1);
        WeightPacker packer = new WeightPacker(library);
        try {
            return new FusionModel(checkpoint.config(), checkpoint.weights(), library, packer);
        } catch (RuntimeException | Error failure) {
            packer.close();
            throw failure;
        }
    }

    public ModelConfig config() {
        return config;
    }

    /**
     * Checks, before anything is read or allocated, that no weight and no buffer of a thread is too large for one
     * allocation.
     *
     * @throws InputException if a weight or a buffer is too large
     */
    public static void checkSizes(ModelConfig config, int maxTokens) {
        long weight = WeightSizes.mostElements(config);
        if (weight > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot run the model: expected no weight over " + Matrix.MAX_ELEMENTS
                    + " numbers, padding included, got " + weight);
        }
        long buffer = WorkspaceShapes.of(config, maxTokens).mostElements();
        if (buffer > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot size the buffers of a task: expected none over " + Matrix.MAX_ELEMENTS
                    + " numbers, got " + buffer + " for " + maxTokens + " tokens; lower --max-tokens");
        }
    }

    /**
     * Checks that this machine has the instructions for a precision. Needed only where rows are fused, so not on a
     * driver that computes nothing.
     *
     * @throws InputException if the instructions are missing: float32 would be faster, or int8 wrong
     */
    public static void checkPrecision(Precision precision) {
        if (precision != Precision.FLOAT32) {
            KernelLibrary.best(precision);
        }
    }

    /**
     * Bytes of the packed weights outside the Java heap. Not included: padding in the kernels' layouts, and the copy of
     * a linear map while it is packed.
     */
    public static long weightBytes(Checkpoint checkpoint, Precision precision) {
        long words = Projector.wordParameters(checkpoint.config());
        return (checkpoint.parameters() - words) * precision.weightBytes()
                + words * Float.BYTES
                + PositionTables.bytes(checkpoint.config());
    }

    /**
     * Bytes outside the Java heap of the weights and buffers of all models of this JVM. Compiled kernels are not
     * included.
     */
    public static long nativeBytes() {
        return Matrix.heldBytes();
    }

    /** Bytes of the largest copy of a linear map that is held while the weights are packed. */
    public static long packingBytes(ModelConfig config) {
        return WeightSizes.largestLinear(config) * Float.BYTES;
    }

    /**
     * Every buffer of one thread, for batches of up to {@code maxTokens} tokens.
     *
     * @throws InputException for the reasons of {@link #checkSizes}
     */
    public FusionWorkspace workspace(int maxTokens) {
        return workspace(maxTokens, Set.of(Readout.TOKENS));
    }

    /**
     * Like {@link #workspace(int)}, but computes only what will be read.
     *
     * @param readouts what will be read in addition to pooled vectors. If this is empty and the pooling reads one
     *     token, the last layer computes only that token
     */
    public FusionWorkspace workspace(int maxTokens, Set<Readout> readouts) {
        if (closed) {
            throw new IllegalStateException("the model is closed");
        }
        return FusionWorkspace.open(config, library, projectors, maxTokens, readouts);
    }

    /**
     * Fuses the rows of the workspace's batch. Afterwards, their tokens and pooled vectors can be read. Call it once
     * per batch. Features that were projected while rows were packed are not projected again.
     */
    public void fuse(FusionWorkspace workspace) {
        fuse(workspace, layer -> {});
    }

    /**
     * Like {@link #fuse(FusionWorkspace)}, and calls {@code afterLayer} after each layer, when the layer's stream holds
     * its output.
     */
    void fuse(FusionWorkspace workspace, IntConsumer afterLayer) {
        if (workspace.batch().isEmpty()) {
            return;
        }
        workspace.begin();
        int layer = 0;
        for (Step step : steps) {
            if (step.isLayer()) {
                workspace.timer().projected();
            }
            step.forward(workspace, workspace.pooledOnly());
            if (step.isLayer()) {
                afterLayer.accept(layer++);
            }
        }
        pooler.ifPresent(pooling -> pooling.pool(workspace));
        workspace.timer().pooled();
    }

    /**
     * Fuses one row of ND4J arrays, without Spark.
     *
     * @param row as in {@link #fuse(List)}
     */
    public FusedArrays fuse(Map<String, INDArray> row) {
        return fuse(Collections.singletonList(row));
    }

    /**
     * Fuses rows of ND4J arrays, without Spark, on the calling thread. Dense row-major float32 features are read in
     * place, all others are converted first.
     *
     * @param rows for each row an array of any numeric type per modality, by the modality's name in config.json:
     *     [tokens, feature size], with a token's box after its features if the model has boxes, or token ids as
     *     [tokens, 1]
     * @return the fused rows. With oneDNN, they have the same bits as in a Spark job that emits tokens, whatever rows
     *     are fused together. A job that emits only vectors pooled from one token ({@code cls}, {@code last}, {@code
     *     pooler}) may round differently
     * @throws InputException if there is no row, a modality is missing or unknown, or an array has another shape or a
     *     number that is not finite
     */
    public FusedArrays fuse(List<Map<String, INDArray>> rows) {
        return ArrayFusion.run(this, rows);
    }

    /** What {@link #fuse} spends on a workspace's batch in matrix products. */
    public Cost cost(FusionWorkspace workspace) {
        Batch batch = workspace.batch();
        boolean pooledOnly = workspace.pooledOnly();
        return new Cost(
                projectors.stream()
                        .mapToLong(projector -> projector.multiplyAdds(batch))
                        .sum(),
                steps.stream()
                        .mapToLong(step -> step.attentionProducts(workspace, pooledOnly))
                        .sum(),
                steps.stream()
                        .mapToLong(step -> step.feedForwardProducts(workspace, pooledOnly))
                        .sum(),
                pooler.map(pooling -> pooling.multiplyAdds(batch.rows())).orElse(0L));
    }

    /**
     * Multiply-adds of a stack's Linears for one token of its stream (D hidden size, F intermediate size, G size of a
     * token's keys). A layer of self-attention and feed-forward has {@code 2 D^2 + 2 D G + 2 D F}: a D^2 less without
     * output projection, a D F more with gates. Cross-attention adds {@code 2 D^2}; its keys and values are computed
     * from the other stream's tokens and counted by {@link #memoryMultiplyAdds}. Not counted: a modality's projection,
     * {@code K D} for a feature size of K, and the products of attention, {@code 2 n D} for each token that attends to
     * n tokens.
     */
    public static long linearMultiplyAdds(StackConfig stack) {
        long hiddenSize = stack.layer().hiddenSize();
        int output = stack.layer().attentionOutputProjection() ? 1 : 0;
        long keyValueSize = stack.layer().keyValueSize();
        long self = stack.kind().attendsToItself() ? ((1 + output) * hiddenSize + 2 * keyValueSize) * hiddenSize : 0;
        long cross = stack.kind().attendsToMemory() ? (1 + output) * hiddenSize * hiddenSize : 0;
        long feedForward = (stack.layer().gatedFeedForward() ? 3 : 2)
                * hiddenSize
                * stack.layer().intermediateSize();
        return stack.layers() * (self + cross + feedForward);
    }

    /**
     * Multiply-adds of a stack's Linears for one token of the stream that its cross-attention reads, of hidden size K.
     */
    public static long memoryMultiplyAdds(StackConfig stack, ModelConfig config) {
        long inputs = config.streams().get(stack.memory()).hiddenSize();
        return stack.kind().attendsToMemory()
                ? 2L * stack.layers() * inputs * stack.layer().keyValueSize()
                : 0;
    }

    @Override
    public void close() {
        closed = true;
        packer.close();
    }
}
