package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.kernel.Matrix;
import java.nio.FloatBuffer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Computes position tables, one row per position. Frequencies and angles are float32, as in the PyTorch code that the
 * tables reproduce: at position 4,000 the rounding of an angle shows in the fourth digit of its sine.
 */
final class PositionTables {
    /** The base of the sinusoids' frequencies. */
    private static final double SINUSOID_BASE = 10_000;

    private PositionTables() {}

    /**
     * Sine and cosine of each frequency side by side, [positions, D]: Vaswani et al. 2017 (arXiv 1706.03762), section
     * 3.5.
     */
    static void fillSinusoids(Matrix table) {
        int size = table.columns();
        float step = (float) (-Math.log(SINUSOID_BASE) / size);
        FloatBuffer values = table.buffer();
        for (int position = 0; position < table.rows(); position++) {
            for (int column = 0; column < size; column += 2) {
                float angle = position * (float) Math.exp(column * step);
                values.put(position * size + column, (float) Math.sin(angle));
                values.put(position * size + column + 1, (float) Math.cos(angle));
            }
        }
    }

    /**
     * Cosines of {@code position * theta^(-2i / headSize)}, then sines, [positions, head size], as the kernel {@code
     * rotate} reads them.
     */
    static void fillRotations(Matrix table, float theta) {
        int size = table.columns();
        FloatBuffer values = table.buffer();
        for (int position = 0; position < table.rows(); position++) {
            for (int pair = 0; pair < size / 2; pair++) {
                float frequency = 1f / (float) Math.pow(theta, (float) (2 * pair) / size);
                float angle = position * frequency;
                values.put(position * size + pair, (float) Math.cos(angle));
                values.put(position * size + size / 2 + pair, (float) Math.sin(angle));
            }
        }
    }

    /** The number of elements of a model's largest computed table; 0 if it has none. */
    static long mostElements(ModelConfig config) {
        return columns(config).max().orElse(0) * config.positions().maxPositions();
    }

    /** Bytes of all tables that a model computes. */
    static long bytes(ModelConfig config) {
        return columns(config).sum() * config.positions().maxPositions() * Float.BYTES;
    }

    /** The columns of each table that a model computes. */
    private static LongStream columns(ModelConfig config) {
        IntStream rotations = config.positions().rotary() == null
                ? IntStream.empty()
                : config.stacks().stream()
                        .mapToInt(stack -> stack.layer().headSize())
                        .distinct();
        IntStream sinusoids = switch (config.positions().embeddings()) {
            case NONE, LEARNED, CONCATENATED -> IntStream.empty();
            case SINUSOIDAL ->
                config.streams().stream()
                        .flatMapToInt(stream ->
                                IntStream.range(0, stream.modalities().size()).map(modality -> stream.hiddenSize()));
            case SINUSOIDAL_CONCATENATED ->
                IntStream.range(0, config.streams().size())
                        .filter(config::hasRowPositions)
                        .map(stream -> config.streams().get(stream).hiddenSize());
        };
        return IntStream.concat(rotations, sinusoids).asLongStream();
    }
}
