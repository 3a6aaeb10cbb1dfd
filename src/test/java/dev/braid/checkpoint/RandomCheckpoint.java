package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A model of random weights, the same for the same seed: Linear weights uniform in +-1 / sqrt(inputs) as PyTorch's own
 * initialisation, biases in +-0.1, LayerNorm weights in 0.9 .. 1.1, embeddings in +-0.5.
 */
public final class RandomCheckpoint {
    private final ModelConfig config;
    private final Set<Part> parts;
    private final Random random;

    private RandomCheckpoint(ModelConfig config, Set<Part> parts, long seed) {
        this.config = config;
        this.parts = parts;
        this.random = new Random(seed);
    }

    /** What a model may have beside what its config says. */
    public enum Part {
        /** Two rows added to every token of each modality. */
        ROWS,
        /** A LayerNorm over what each projection gives. */
        PROJECTION_NORM,
        /** A LayerNorm over the tokens of each modality. */
        MODALITY_NORM,
        /** One row more on each modality, behind its norm; with {@link #MODALITY_NORM}. */
        ROWS_AFTER_NORM,
        /** A LayerNorm before the first layer. */
        EMBEDDING_NORM,
        /** A LayerNorm behind the last layer. */
        FINAL_NORM,
        /** A norm of the tokens that cross-attention reads. */
        MEMORY_NORM,
        /** A pooler, which a config with {@link Pooling#POOLER} has anyway. */
        POOLER,
        /** No projection where a modality's feature size is the hidden size. */
        AS_IT_IS
    }

    /**
     * Weights for {@code config}, as a directory of float32 tensors would hold them: its CLS token, its position tables,
     * its pooler, and {@code parts}.
     */
    public static Checkpoint of(ModelConfig config, long seed, Part... parts) {
        return new RandomCheckpoint(config, Arrays.stream(parts).collect(Collectors.toSet()), seed).checkpoint();
    }

    private Checkpoint checkpoint() {
        ModalityWeights[] modalities = new ModalityWeights[config.modalities().size()];
        List<StreamWeights> streams = new ArrayList<>();
        for (StreamConfig stream : config.streams()) {
            int size = stream.hiddenSize();
            StoredTensor learned = stream.learnedTokens() > 0 ? tensor(0, 0.5f, 1, stream.learnedTokens(), size) : null;
            for (int m : stream.modalities()) {
                modalities[m] = modality(config.modalities().get(m), size);
            }
            StoredTensor positions = config.positions().embeddings() == PositionEmbeddings.CONCATENATED
                    ? rows(config.positions().maxPositions(), size)
                    : null;
            streams.add(new StreamWeights(
                    learned,
                    positions,
                    stream.isJoined()
                            ? null
                            : norm(Part.EMBEDDING_NORM, size, config.norm().type())));
        }
        List<StackWeights> stacks = config.stacks().stream()
                .map(stack -> new StackWeights(
                        IntStream.range(0, stack.layers())
                                .mapToObj(layer -> layer(stack))
                                .toList(),
                        norm(
                                Part.FINAL_NORM,
                                stack.layer().hiddenSize(),
                                stack.layer().normType())))
                .toList();
        boolean pooler = parts.contains(Part.POOLER) || config.pooling() == Pooling.POOLER;
        return new Checkpoint(
                config,
                new ModelWeights(
                        streams,
                        List.of(modalities),
                        stacks,
                        pooler ? linear(config.hiddenSize(), config.hiddenSize()) : null));
    }

    private ModalityWeights modality(ModalityConfig modality, int hiddenSize) {
        boolean apart = modality.boxes() != null && modality.boxes().fusion() != BoxFusion.CONCATENATE;
        boolean asItIs = parts.contains(Part.AS_IT_IS) && modality.projectedSize() == hiddenSize && !apart;
        return new ModalityWeights(
                modality.tokenIds() ? rows(modality.vocabularySize(), modality.featureSize()) : null,
                asItIs ? null : projection(hiddenSize, modality.projectedSize()),
                apart ? projection(hiddenSize, modality.boxSize()) : null,
                parts.contains(Part.ROWS) ? List.of(rows(1, hiddenSize), rows(1, hiddenSize)) : List.of(),
                hasTable(modality) ? rows(modality.maxPositions(), hiddenSize) : null,
                norm(Part.MODALITY_NORM, hiddenSize, config.norm().type()),
                parts.contains(Part.ROWS_AFTER_NORM) ? List.of(rows(1, hiddenSize)) : List.of());
    }

    private ProjectionWeights projection(int hiddenSize, int inputs) {
        return new ProjectionWeights(
                linear(hiddenSize, inputs),
                norm(Part.PROJECTION_NORM, hiddenSize, config.norm().type()));
    }

    private boolean hasTable(ModalityConfig modality) {
        return modality.maxPositions() != ModalityConfig.UNLIMITED
                && config.positions().embeddings() != PositionEmbeddings.SINUSOIDAL;
    }

    private LayerWeights layer(StackConfig stack) {
        LayerConfig layer = stack.layer();
        int size = layer.hiddenSize();
        List<AttentionWeights> attentions = new ArrayList<>();
        for (int keys : stack.keyStreams()) {
            int keySize = config.streams().get(keys).hiddenSize();
            attentions.add(new AttentionWeights(
                    linear(size, size),
                    linear(layer.keyValueSize(), keySize),
                    linear(layer.keyValueSize(), keySize),
                    layer.attentionOutputProjection() ? linear(size, size) : null,
                    norm(size, layer.normType()),
                    keys == stack.stream() ? null : norm(Part.MEMORY_NORM, keySize, layer.normType())));
        }
        int intermediateSize = layer.intermediateSize();
        return new LayerWeights(
                attentions,
                intermediateSize == 0
                        ? null
                        : new FeedForwardWeights(
                                linear(intermediateSize, size),
                                layer.gatedFeedForward() ? linear(intermediateSize, size) : null,
                                linear(size, intermediateSize),
                                norm(size, layer.normType())));
    }

    private LinearWeights linear(int outputs, int inputs) {
        float bound = (float) (1 / Math.sqrt(inputs));
        return new LinearWeights(tensor(0, bound, outputs, inputs), tensor(0, 0.1f, outputs));
    }

    private StoredTensor rows(int count, int hiddenSize) {
        return tensor(0, 0.5f, count, hiddenSize);
    }

    private NormWeights norm(Part part, int size, NormType type) {
        return parts.contains(part) ? norm(size, type) : null;
    }

    private NormWeights norm(int size, NormType type) {
        boolean rms = type == NormType.RMS_NORM;
        return new NormWeights(tensor(1, 0.1f, size), rms ? null : tensor(0, 0.1f, size));
    }

    private StoredTensor tensor(float centre, float spread, long... dimensions) {
        Shape shape = Shape.of(dimensions);
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(shape.elements() * Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        FloatBuffer values = bytes.asFloatBuffer();
        while (values.hasRemaining()) {
            values.put(centre + spread * (2 * random.nextFloat() - 1));
        }
        return new StoredTensor("random", DType.F32, shape, new byte[][] {bytes.array()});
    }
}
