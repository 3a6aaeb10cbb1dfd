package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A fusion Transformer ready to run: one set of weights per JVM, packed for the kernels, immutable and shared by all
 * threads. A single-stream encoder as in Vaswani et al. 2017 (arXiv 1706.03762, section 3.1) over the concatenated
 * modalities; the numbers are those of PyTorch, for every kind of model (proven by {@code GoldenParityTest}).
 */
public final class FusionModel implements AutoCloseable {
    private final ModelConfig config;
    private final KernelLibrary library;
    private final WeightPacker packer;
    private final List<Projector> projectors;
    private final Optional<ClsToken> clsToken;
    private final Optional<Norm> embeddingNorm;
    private final List<EncoderLayer> layers;
    private final Optional<Norm> finalNorm;
    private final Optional<TanhPooler> pooler;
    private volatile boolean closed;

    private FusionModel(ModelConfig config, ModelWeights weights, KernelLibrary library, WeightPacker packer) {
        this.config = config;
        this.library = library;
        this.packer = packer;
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
        check(checkpoint.config(), 1);
        WeightPacker packer = new WeightPacker(library, checkpoint.config());
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
     * Whether the weights and the buffers of a thread can be held, before anything is read or allocated.
     *
     * @throws InputException if a weight or a buffer would pass what one allocation can hold
     */
    public static void check(ModelConfig config, int maxTokens) {
        long weight = PackedLinear.mostElements(widest(config), config.hiddenSize());
        for (ModalityConfig modality : config.modalities()) {
            if (modality.maxPositions() != ModalityConfig.UNLIMITED) {
                weight = Math.max(weight, (long) modality.maxPositions() * config.hiddenSize());
            }
        }
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

    /** The largest number of inputs or outputs of the linear maps; the other one is the hidden size. */
    private static long widest(ModelConfig config) {
        long widest = Math.max(3L * config.hiddenSize(), config.intermediateSize());
        for (ModalityConfig modality : config.modalities()) {
            widest = Math.max(widest, modality.featureSize());
        }
        return widest;
    }

    /**
     * Bytes outside the Java heap of the packed weights, at least: the kernels' layouts pad them by little, and while a linear
     * map is packed, a copy of it is held too.
     */
    public static long weightBytes(Checkpoint checkpoint, Precision precision) {
        return checkpoint.parameters() * precision.weightBytes();
    }

    /** Bytes outside the Java heap of the weights and buffers of all models of this JVM; not the code that kernels compile. */
    public static long nativeBytes() {
        return Matrix.heldBytes();
    }

    /** Bytes of the largest copy of a linear map that is held while the weights are packed. */
    public static long packingBytes(ModelConfig config) {
        return widest(config) * config.hiddenSize() * Float.BYTES;
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
        if (closed) {
            throw new IllegalStateException("the model is closed");
        }
        return FusionWorkspace.open(config, library, projectors, maxTokens, readouts);
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

    /**
     * Fuses one row of arrays of ND4J's, without Spark.
     *
     * @param row as in {@link #fuse(List)}
     */
    public FusedArrays fuse(Map<String, INDArray> row) {
        return fuse(Collections.singletonList(row));
    }

    /**
     * Fuses rows of arrays of ND4J's, without Spark, on the calling thread. Features that lie row by row in float32 are read where
     * they are, others are converted first.
     *
     * @param rows per row and modality, by its name in config.json, an array [tokens, feature size] of any numeric type
     * @return with oneDNN, the bits of a Spark job that emits tokens, whatever rows come together; one that emits the vectors of
     *     one token alone ({@code cls}, {@code last}, {@code pooler}) may round differently
     * @throws InputException if there is no row, a modality is missing or unknown, or an array has another shape or a number
     *     that is not finite
     */
    public FusedArrays fuse(List<Map<String, INDArray>> rows) {
        return ArrayFusion.run(this, rows);
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
        closed = true;
        packer.close();
    }
}
