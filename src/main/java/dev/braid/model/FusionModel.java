package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * A fusion Transformer ready to run: one set of weights per JVM, packed for the kernels, immutable and shared by all
 * threads. A single-stream encoder as in Vaswani et al. 2017 (arXiv 1706.03762, section 3.1) over the concatenated
 * modalities; the numbers are those of {@code torch.nn.TransformerEncoder} (proven by {@code GoldenParityTest}).
 */
public final class FusionModel implements AutoCloseable {
    private final ModelConfig config;
    private final KernelLibrary library;
    private final List<Projector> projectors;
    private final List<EncoderLayer> layers;

    private FusionModel(
            ModelConfig config, KernelLibrary library, List<Projector> projectors, List<EncoderLayer> layers) {
        this.config = config;
        this.library = library;
        this.projectors = List.copyOf(projectors);
        this.layers = List.copyOf(layers);
    }

    /** Packs the weights of a checkpoint for the best kernels that this machine can load. */
    public static FusionModel load(Checkpoint checkpoint) {
        return load(checkpoint, KernelLibrary.best());
    }

    /** Packs the weights of a checkpoint for one form of the kernels. */
    public static FusionModel load(Checkpoint checkpoint, KernelLibrary library) {
        ModelConfig config = checkpoint.config();
        WeightPacker packer = new WeightPacker(library, config);
        List<Projector> projectors = new ArrayList<>();
        for (int m = 0; m < config.modalities().size(); m++) {
            projectors.add(
                    Projector.load(m, checkpoint.weights().modalities().get(m).projection(), packer));
        }
        List<EncoderLayer> layers = checkpoint.weights().layers().stream()
                .map(layer -> EncoderLayer.load(layer, config, packer))
                .toList();
        return new FusionModel(config, library, projectors, layers);
    }

    public ModelConfig config() {
        return config;
    }

    /**
     * Whether the weights and the buffers of a thread can be held, before anything is read or allocated.
     *
     * @throws InputException if a weight or a buffer would pass what one allocation can hold
     */
    public static void check(ModelConfig config, int maxTokens) {
        long hiddenSize = config.hiddenSize();
        long widest = 3 * hiddenSize;
        for (ModalityConfig modality : config.modalities()) {
            widest = Math.max(widest, modality.featureSize());
        }
        long highestWeight = Math.max(widest, config.intermediateSize());
        if (highestWeight * hiddenSize > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot run the model: expected no weight over " + Matrix.MAX_ELEMENTS
                    + " numbers, got [" + highestWeight + ", " + hiddenSize + "]");
        }
        long tokens = ((long) maxTokens + Kernels.ROW_MULTIPLE) * widest;
        long scores = (long) config.heads() * Math.min(maxTokens, FusionWorkspace.MAX_QUERIES) * maxTokens;
        if (Math.max(tokens, scores) > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot size the buffers of a task: expected none over " + Matrix.MAX_ELEMENTS
                    + " numbers, got " + Math.max(tokens, scores) + " for " + maxTokens
                    + " tokens; lower --max-tokens");
        }
    }

    /**
     * Every buffer of one thread, for batches of up to {@code maxTokens} tokens.
     *
     * @throws InputException as {@link #check} says
     */
    public FusionWorkspace workspace(int maxTokens) {
        return new FusionWorkspace(config, library, maxTokens);
    }

    /** Fuses the rows of the workspace's batch; their tokens and pooled vectors are then there to be read. */
    public void fuse(FusionWorkspace workspace) {
        if (workspace.batch().isEmpty()) {
            return;
        }
        workspace.kernels().bindThread();
        for (Projector projector : projectors) {
            projector.project(workspace);
        }
        for (EncoderLayer layer : layers) {
            layer.forward(workspace);
        }
    }

    /** Multiply-adds that {@link #fuse} spends on a batch in matrix products; a flop count is twice that. */
    public long multiplyAdds(Batch batch) {
        long sum = 0;
        for (Projector projector : projectors) {
            sum += projector.multiplyAdds(batch);
        }
        for (EncoderLayer layer : layers) {
            sum += layer.multiplyAdds(batch);
        }
        return sum;
    }

    @Override
    public void close() {
        projectors.forEach(Projector::close);
        layers.forEach(EncoderLayer::close);
    }
}
