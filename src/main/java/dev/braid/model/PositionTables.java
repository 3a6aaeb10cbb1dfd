package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.kernel.Matrix;
import java.nio.FloatBuffer;

/**
 * Tables that are computed from positions, a row each. Frequencies and angles are float32, as in the PyTorch code that they come
 * from: at position 4,000 an angle's rounding shows in the fourth digit of its sine.
 */
final class PositionTables {
    /** The base of the sinusoids' frequencies. */
    private static final double SINUSOID_BASE = 10_000;

    private PositionTables() {}

    /** Sine and cosine of each frequency side by side, [positions, D]: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5. */
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

    /** Cosines of {@code position * theta^(-2i / headSize)}, then sines, [positions, head size]: for the kernel that rotates. */
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

    /** The most numbers of one of a model's tables that are computed; 0 where none is. */
    static long mostElements(ModelConfig config) {
        PositionConfig positions = config.positions();
        long columns = 0;
        if (positions.embeddings().areSinusoids()) {
            columns = config.hiddenSize();
        } else if (positions.rotary() != null) {
            columns = headSize(config);
        }
        return columns == 0 ? 0 : positions.maxPositions() * columns;
    }

    /** Bytes of all of them. */
    static long bytes(ModelConfig config) {
        PositionConfig positions = config.positions();
        long columns = positions.rotary() == null ? 0 : headSize(config);
        columns += switch (positions.embeddings()) {
            case NONE, LEARNED, CONCATENATED -> 0;
            case SINUSOIDAL -> (long) config.modalities().size() * config.hiddenSize();
            case SINUSOIDAL_CONCATENATED -> config.hiddenSize();
        };
        return columns == 0 ? 0 : columns * positions.maxPositions() * Float.BYTES;
    }

    private static long headSize(ModelConfig config) {
        return config.stacks().get(0).layer().headSize();
    }
}
