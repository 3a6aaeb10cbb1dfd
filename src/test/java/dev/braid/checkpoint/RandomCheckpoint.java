package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * A model of random weights, the same for the same seed: Linear weights uniform in +-1 / sqrt(inputs) as PyTorch's own
 * initialisation, biases in +-0.1, LayerNorm weights in 0.9 .. 1.1.
 */
public final class RandomCheckpoint {
    private final Random random;

    private RandomCheckpoint(long seed) {
        this.random = new Random(seed);
    }

    /** Weights for {@code config}, as a directory of float32 tensors would hold them. */
    public static Checkpoint of(ModelConfig config, long seed) {
        return new RandomCheckpoint(seed).checkpoint(config);
    }

    private Checkpoint checkpoint(ModelConfig config) {
        var modalities = config.modalities().stream()
                .map(modality -> ModalityWeights.of(linear(config.hiddenSize(), modality.featureSize())))
                .toList();
        var layers = IntStream.range(0, config.layers())
                .mapToObj(layer -> layer(config))
                .toList();
        return new Checkpoint(config, new ModelWeights(null, modalities, null, layers, null, null));
    }

    private LayerWeights layer(ModelConfig config) {
        int hiddenSize = config.hiddenSize();
        int intermediateSize = config.intermediateSize();
        return new LayerWeights(
                linear(hiddenSize, hiddenSize),
                linear(hiddenSize, hiddenSize),
                linear(hiddenSize, hiddenSize),
                config.attentionOutputProjection() ? linear(hiddenSize, hiddenSize) : null,
                linear(intermediateSize, hiddenSize),
                linear(hiddenSize, intermediateSize),
                norm(hiddenSize),
                norm(hiddenSize));
    }

    private LinearWeights linear(int outputs, int inputs) {
        float bound = (float) (1 / Math.sqrt(inputs));
        return new LinearWeights(tensor(0, bound, outputs, inputs), tensor(0, 0.1f, outputs));
    }

    private NormWeights norm(int size) {
        return new NormWeights(tensor(1, 0.1f, size), tensor(0, 0.1f, size));
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
