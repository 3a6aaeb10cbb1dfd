package dev.braid.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Random;

/**
 * What a {@link Product} multiplies, off-heap.
 *
 * @param x [tokens, inputs], uniform in +-1
 * @param weight [outputs, inputs], uniform in +-1 / sqrt(inputs)
 * @param bias [outputs], uniform in +-0.1
 */
record Operands(FloatBuffer x, FloatBuffer weight, FloatBuffer bias) {
    private static final int CACHE_LINE = 64;

    static Operands random(Product product, long seed) {
        Random random = new Random(seed);
        return new Operands(
                uniform(Product.TOKENS * product.inputs(), 1, random),
                uniform(product.outputs() * product.inputs(), 1 / Math.sqrt(product.inputs()), random),
                uniform(product.outputs(), 0.1, random));
    }

    /** The same, with a bias of zeros. */
    Operands withoutBias() {
        return new Operands(x, weight, allocate(bias.capacity()));
    }

    private static FloatBuffer uniform(int size, double bound, Random random) {
        FloatBuffer floats = allocate(size);
        while (floats.hasRemaining()) {
            floats.put((float) (bound * (2 * random.nextDouble() - 1)));
        }
        return floats.flip();
    }

    /** Zeros, from the start of a cache line on. */
    static FloatBuffer allocate(int size) {
        return ByteBuffer.allocateDirect(size * Float.BYTES + CACHE_LINE)
                .alignedSlice(CACHE_LINE)
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer()
                .slice(0, size);
    }
}
