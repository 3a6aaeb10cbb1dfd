package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A fusion Transformer ready to run: one set of weights per JVM, packed for the kernels, immutable and shared by all
 * threads. A single-stream encoder as in Vaswani et al. 2017 (arXiv 1706.03762, section 3.1) over the concatenated
 * modalities; the numbers are those of PyTorch, for every kind of model (proven by {@code GoldenParityTest}).
 */
public final class FusionModel implements AutoCloseable {
    private final ModelConfig config;
    private final KernelLibrary library;
    private final List<Projector> projectors;
    private final Optional<ClsToken> clsToken;
    private final Optional<Norm> embeddingNorm;
    private final List<EncoderLayer> layers;
    private final Optional<Norm> finalNorm;
    private final Optional<TanhPooler> pooler;

    private FusionModel(ModelConfig config, ModelWeights weights, KernelLibrary library) {
        WeightPacker packer = new WeightPacker(library, config);
        this.config = config;
        this.library = library;
        this.projectors = IntStream.range(0, config.modalities().size())
                .mapToObj(m -> Projector.load(m, weights.modalities().get(m), packer))
                .toList();
        this.clsToken = Optional.ofNullable(weights.clsToken()).map(token -> new ClsToken(packer.row(token)));
        this.embeddingNorm = Optional.ofNullable(weights.embeddingNorm()).map(packer::norm);
        this.layers = IntStream.range(0, config.layers())
                .mapToObj(layer -> EncoderLayer.load(layer, weights.layers().get(layer), config, packer))
                .toList();
        this.finalNorm = Optional.ofNullable(weights.finalNorm()).map(packer::norm);
        this.pooler = config.pooling() == Pooling.POOLER
                ? Optional.of(new TanhPooler(packer.linear(weights.pooler())))
                : Optional.empty();
    }

    /** Packs the weights of a checkpoint for the best kernels that this machine can load. */
    public static FusionModel load(Checkpoint checkpoint) {
        return load(checkpoint, Precision.FLOAT32);
    }

    /**
     * As above, for the best kernels of that precision.
     *
     * @throws InputException as {@link Precision#check} says
     */
    public static FusionModel load(Checkpoint checkpoint, Precision precision) {
        return load(checkpoint, precision.library());
    }

    /** Packs the weights of a checkpoint for one form of the kernels. */
    public static FusionModel load(Checkpoint checkpoint, KernelLibrary library) {
        return new FusionModel(checkpoint.config(), checkpoint.weights(), library);
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
        long widest = Math.max(3 * hiddenSize, config.intermediateSize());
        long highestTable = 0;
        for (ModalityConfig modality : config.modalities()) {
            widest = Math.max(widest, modality.featureSize());
            if (modality.maxPositions() != ModalityConfig.UNLIMITED) {
                highestTable = Math.max(highestTable, modality.maxPositions());
            }
        }
        long largest =
                Math.max(Math.max(widest, highestTable) * hiddenSize, widest * Math.min(maxTokens, Block.MAX_TOKENS));
        if (largest > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot run the model: expected no weight and no block of tokens over "
                    + Matrix.MAX_ELEMENTS + " numbers, got " + largest);
        }
        long tokens = ((long) maxTokens + Kernels.ROW_MULTIPLE) * 3 * hiddenSize;
        long attention = Kernels.attentionScratch(config.hiddenSize(), config.heads(), maxTokens);
        if (Math.max(tokens, attention) > Matrix.MAX_ELEMENTS) {
            throw new InputException("Cannot size the buffers of a task: expected none over " + Matrix.MAX_ELEMENTS
                    + " numbers, got " + Math.max(tokens, attention) + " for " + maxTokens
                    + " tokens; lower --max-tokens");
        }
    }

    /**
     * Bytes outside the Java heap of the packed weights, at least: the kernels' layouts pad them by little, and while a linear
     * map is packed, a copy of it is held too.
     */
    public static long weightBytes(Checkpoint checkpoint, Precision precision) {
        return checkpoint.parameters() * precision.weightBytes();
    }

    /** Bytes outside the Java heap of the weights and buffers of all models of this JVM; not the kernels' scratch memory and code. */
    public static long nativeBytes() {
        return Matrix.heldBytes();
    }

    /** Bytes of the largest copy of a linear map that is held while the weights are packed. */
    public static long packingBytes(ModelConfig config) {
        long widest = Math.max(3L * config.hiddenSize(), config.intermediateSize());
        for (ModalityConfig modality : config.modalities()) {
            widest = Math.max(widest, modality.featureSize());
        }
        return widest * config.hiddenSize() * Float.BYTES;
    }

    /**
     * Every buffer of one thread, for batches of up to {@code maxTokens} tokens.
     *
     * @throws InputException as {@link #check} says
     */
    public FusionWorkspace workspace(int maxTokens) {
        return workspace(maxTokens, Set.of(Readout.TOKENS));
    }

    /**
     * As {@link #workspace(int)}.
     *
     * @param readouts what will be read beside pooled vectors. Where that is nothing and the pooling reads one token, the
     *     last layer computes that token alone
     */
    public FusionWorkspace workspace(int maxTokens, Set<Readout> readouts) {
        return workspace(maxTokens, readouts, 1);
    }

    /**
     * As above.
     *
     * @param threads that {@link #fuse} may compute on, the caller's among them; results have the same bits for every number
     */
    public FusionWorkspace workspace(int maxTokens, Set<Readout> readouts, int threads) {
        return new FusionWorkspace(config, library, projectors, maxTokens, readouts, threads);
    }

    /**
     * Fuses the rows of the workspace's batch, once; their tokens and pooled vectors are then there to be read. What of
     * their features was projected while they were packed is not done again.
     */
    public void fuse(FusionWorkspace workspace) {
        fuse(workspace, layer -> {});
    }

    /** As above; {@code afterLayer} is called behind each layer, whose output the hidden tokens then are. */
    void fuse(FusionWorkspace workspace, IntConsumer afterLayer) {
        if (workspace.batch().isEmpty()) {
            return;
        }
        workspace.begin();
        clsToken.ifPresent(token -> token.place(workspace));
        embeddingNorm.ifPresent(norm -> normalise(workspace, norm));
        workspace.stopwatch().lap(Stage.PROJECT);
        int last = layers.size() - 1;
        for (int layer = 0; layer <= last; layer++) {
            if (layer == last && workspace.pooledOnly()) {
                layers.get(layer).forwardPooled(workspace);
            } else {
                layers.get(layer).forward(workspace);
            }
            afterLayer.accept(layer);
        }
        finalNorm.ifPresent(norm -> normalise(workspace, norm));
        pooler.ifPresent(pooling -> pooling.pool(workspace));
        workspace.stopwatch().lap(Stage.POOL);
    }

    private static void normalise(FusionWorkspace workspace, Norm norm) {
        for (Block block : Block.split(workspace.hiddenTokens())) {
            Matrix hidden = workspace.hidden(block);
            workspace.kernels().layerNorm(hidden, hidden, norm);
        }
    }

    /** Multiply-adds that {@link #fuse} spends on a workspace's batch in matrix products; a flop count is twice that. */
    public long multiplyAdds(FusionWorkspace workspace) {
        return Stream.of(Stage.values())
                .mapToLong(stage -> multiplyAdds(workspace, stage))
                .sum();
    }

    /** Those of one stage; 0 for a stage without matrix products. */
    public long multiplyAdds(FusionWorkspace workspace, Stage stage) {
        Batch batch = workspace.batch();
        return switch (stage) {
            case PROJECT ->
                projectors.stream()
                        .mapToLong(projector -> projector.multiplyAdds(batch))
                        .sum();
            case ATTENTION, FEED_FORWARD -> {
                long sum = 0;
                for (int layer = 0; layer < layers.size(); layer++) {
                    boolean pooledOnly = layer == layers.size() - 1 && workspace.pooledOnly();
                    sum += layers.get(layer).multiplyAdds(stage, batch, pooledOnly);
                }
                yield sum;
            }
            case POOL -> pooler.map(pooling -> pooling.multiplyAdds(batch)).orElse(0L);
            case LOAD, READ, DECODE, PACK, WRITE -> 0;
        };
    }

    /**
     * Multiply-adds of the layers' Linears for one token: {@code layers x (4 D^2 + 2 D F)}, with D hidden and F intermediate
     * size, and a D^2 less without output projection. Beside them stand a modality's projection, {@code K D} for a
     * feature size of K, and attention, {@code 2 n D} a layer for each token of a row of n.
     */
    public static long linearMultiplyAdds(ModelConfig config) {
        long hiddenSize = config.hiddenSize();
        long attention = (config.attentionOutputProjection() ? 4 : 3) * hiddenSize * hiddenSize;
        return config.layers() * (attention + 2 * hiddenSize * config.intermediateSize());
    }

    @Override
    public void close() {
        projectors.forEach(Projector::close);
        clsToken.ifPresent(ClsToken::close);
        embeddingNorm.ifPresent(Norm::close);
        layers.forEach(EncoderLayer::close);
        finalNorm.ifPresent(Norm::close);
        pooler.ifPresent(TanhPooler::close);
    }
}
