package dev.braid.checkpoint;

import dev.braid.tensor.Activation;
import dev.braid.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** A model of vectors with random steps and weights, the same for the same seed. */
public final class RandomVectors {
    private final Random random;
    private final List<ModalityConfig> modalities = new ArrayList<>();
    private final List<Integer> sizes = new ArrayList<>();
    private final List<VectorStep> steps = new ArrayList<>();
    private final List<VectorWeights> weights = new ArrayList<>();

    private RandomVectors(long seed) {
        this.random = new Random(seed);
    }

    /** One to three modalities, a few steps of any kind, and a last one that concatenates what no step reads. */
    public static Checkpoint of(long seed) {
        return new RandomVectors(seed).checkpoint();
    }

    private Checkpoint checkpoint() {
        int count = 1 + random.nextInt(3);
        for (int m = 0; m < count; m++) {
            modalities.add(new ModalityConfig("m" + m, 1 + random.nextInt(30), 1));
            sizes.add(modalities.get(m).featureSize());
        }
        step(VectorStep.Kind.LINEAR);
        for (int s = 1 + random.nextInt(8); s > 0; s--) {
            step(any(VectorStep.Kind.values()));
        }
        List<Integer> unread = IntStream.range(0, sizes.size())
                .filter(vector -> steps.stream().noneMatch(step -> step.inputs().contains(vector)))
                .boxed()
                .toList();
        if (unread.size() > 1) {
            int sum = unread.stream().mapToInt(sizes::get).sum();
            add(new VectorStep(VectorStep.Kind.CONCAT, "last", unread, sum, null, null, 0), VectorWeights.NONE);
        }
        ModelConfig config = ModelConfig.ofVectors(modalities, steps);
        return new Checkpoint(config, ModelWeights.ofVectors(config, weights));
    }

    private void step(VectorStep.Kind kind) {
        int input = random.nextInt(sizes.size());
        int size = sizes.get(input);
        switch (kind) {
            case LINEAR -> {
                int outputs = random.nextBoolean() ? 16 : 1 + random.nextInt(40);
                float bound = (float) (1 / Math.sqrt(size));
                LinearWeights linear = new LinearWeights(
                        tensor(0, bound, outputs, size), random.nextBoolean() ? tensor(0, 0.1f, outputs) : null);
                add(
                        new VectorStep(kind, name(), List.of(input), outputs, null, null, 0),
                        new VectorWeights(linear, null, null, null));
            }
            case BILINEAR -> {
                int outputs = 1 + random.nextInt(20);
                List<Integer> both = List.of(bounded(size, Activation.TANH), random.nextInt(modalities.size()));
                int second = sizes.get(both.get(1));
                float bound = (float) (1 / Math.sqrt((double) size * second));
                LinearWeights bilinear = new LinearWeights(
                        tensor(0, bound, outputs, size, second),
                        random.nextBoolean() ? tensor(0, 0.1f, outputs) : null);
                add(
                        new VectorStep(kind, name(), both, outputs, null, null, 0),
                        new VectorWeights(bilinear, null, null, null));
            }
            case SOFTMAX -> add(new VectorStep(kind, name(), List.of(input), size, null, null, 0), VectorWeights.NONE);
            case WEIGHTED_SUM -> {
                StoredTensor weight = tensor(0, (float) (1 / Math.sqrt(size)), 2, size);
                add(
                        new VectorStep(VectorStep.Kind.LINEAR, name(), List.of(input), 2, null, null, 0),
                        new VectorWeights(new LinearWeights(weight, null), null, null, null));
                List<Integer> weighed = List.of(input, sameSize(size), sizes.size() - 1);
                add(new VectorStep(kind, name(), weighed, size, null, null, 0), VectorWeights.NONE);
            }
            case ACTIVATION -> {
                Activation function = any(Activation.values());
                add(new VectorStep(kind, name(), List.of(input), size, function, null, 0), VectorWeights.NONE);
            }
            case NORM -> {
                NormType type = any(NormType.values());
                StoredTensor bias = type == NormType.LAYER_NORM && random.nextBoolean() ? tensor(0, 0.1f, size) : null;
                // Over few numbers that are nearly equal a norm is so steep that float32 cannot tell.
                add(
                        new VectorStep(kind, name(), List.of(input), size, null, type, 0.5f),
                        new VectorWeights(null, new NormWeights(tensor(1, 0.1f, size), bias), null, null));
            }
            case BATCH_NORM ->
                add(
                        new VectorStep(kind, name(), List.of(input), size, null, null, 1e-3f),
                        new VectorWeights(
                                null,
                                new NormWeights(tensor(1, 0.1f, size), tensor(0, 0.1f, size)),
                                tensor(0, 0.5f, size),
                                tensor(1, 0.7f, size)));
            case CONCAT -> {
                int other = random.nextInt(sizes.size());
                if (size + sizes.get(other) < 200) {
                    List<Integer> both = List.of(input, other);
                    add(new VectorStep(kind, name(), both, size + sizes.get(other), null, null, 0), VectorWeights.NONE);
                }
            }
            case SUM, PRODUCT -> {
                List<Integer> factors = List.of(input, bounded(size, Activation.TANH));
                add(new VectorStep(kind, name(), factors, size, null, null, 0), VectorWeights.NONE);
            }
            case GATE -> {
                List<Integer> gated = List.of(input, sameSize(size), bounded(size, Activation.SIGMOID));
                add(new VectorStep(kind, name(), gated, size, null, null, 0), VectorWeights.NONE);
            }
        }
    }

    /** A further step that keeps numbers small: products and gates of large ones lose float32's digits. */
    private int bounded(int size, Activation function) {
        List<Integer> input = List.of(sameSize(size));
        add(new VectorStep(VectorStep.Kind.ACTIVATION, name(), input, size, function, null, 0), VectorWeights.NONE);
        return sizes.size() - 1;
    }

    private String name() {
        return "s" + steps.size();
    }

    private <T> T any(T[] values) {
        return values[random.nextInt(values.length)];
    }

    private int sameSize(int size) {
        int[] same = IntStream.range(0, sizes.size())
                .filter(vector -> sizes.get(vector) == size)
                .toArray();
        return same[random.nextInt(same.length)];
    }

    private void add(VectorStep step, VectorWeights ofStep) {
        steps.add(step);
        weights.add(ofStep);
        sizes.add(step.size());
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
