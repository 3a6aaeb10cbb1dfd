package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
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
        /** A LayerNorm over the tokens of each modality. */
        MODALITY_NORM,
        /** One row more on each modality, behind its norm; with {@link #MODALITY_NORM}. */
        ROWS_AFTER_NORM,
        /** A LayerNorm before the first layer. */
        EMBEDDING_NORM,
        /** A LayerNorm behind the last layer. */
        FINAL_NORM,
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
        int hiddenSize = config.hiddenSize();
        StoredTensor clsToken = config.clsToken() ? tensor(0, 0.5f, 1, 1, hiddenSize) : null;
        List<ModalityWeights> modalities =
                config.modalities().stream().map(this::modality).toList();
        NormWeights embeddingNorm = norm(Part.EMBEDDING_NORM);
        List<LayerWeights> layers =
                IntStream.range(0, config.layers()).mapToObj(layer -> layer()).toList();
        NormWeights finalNorm = norm(Part.FINAL_NORM);
        boolean pooler = parts.contains(Part.POOLER) || config.pooling() == Pooling.POOLER;
        return new Checkpoint(
                config,
                new ModelWeights(
                        clsToken,
                        modalities,
                        embeddingNorm,
                        layers,
                        finalNorm,
                        pooler ? linear(hiddenSize, hiddenSize) : null));
    }

    private ModalityWeights modality(ModalityConfig modality) {
        boolean asItIs = parts.contains(Part.AS_IT_IS) && modality.featureSize() == config.hiddenSize();
        return new ModalityWeights(
                asItIs ? null : linear(config.hiddenSize(), modality.featureSize()),
                parts.contains(Part.ROWS) ? List.of(rows(1), rows(1)) : List.of(),
                modality.maxPositions() == ModalityConfig.UNLIMITED ? null : rows(modality.maxPositions()),
                norm(Part.MODALITY_NORM),
                parts.contains(Part.ROWS_AFTER_NORM) ? List.of(rows(1)) : List.of());
    }

    private LayerWeights layer() {
        int hiddenSize = config.hiddenSize();
        int intermediateSize = config.intermediateSize();
        return new LayerWeights(
                linear(hiddenSize, hiddenSize),
                linear(hiddenSize, hiddenSize),
                linear(hiddenSize, hiddenSize),
                config.attentionOutputProjection() ? linear(hiddenSize, hiddenSize) : null,
                linear(intermediateSize, hiddenSize),
                linear(hiddenSize, intermediateSize),
                norm(),
                norm());
    }

    private LinearWeights linear(int outputs, int inputs) {
        float bound = (float) (1 / Math.sqrt(inputs));
        return new LinearWeights(tensor(0, bound, outputs, inputs), tensor(0, 0.1f, outputs));
    }

    private StoredTensor rows(int count) {
        return tensor(0, 0.5f, count, config.hiddenSize());
    }

    private NormWeights norm(Part part) {
        return parts.contains(part) ? norm() : null;
    }

    private NormWeights norm() {
        return new NormWeights(tensor(1, 0.1f, config.hiddenSize()), tensor(0, 0.1f, config.hiddenSize()));
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
