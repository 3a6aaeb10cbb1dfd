package dev.braid.kernel;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Attention in plain Java for rows of one or two tokens. A product of a few numbers takes a library longer to begin than
 * to compute: oneDNN's attention took an eighth of the time of a whole encoder on such rows. From four tokens on, oneDNN
 * is faster.
 */
final class ShortAttention {
    /** The most queries and keys of a row. */
    private static final int MOST = 2;

    /** Each [D]: a head that several query heads share occurs several times. */
    private final float[][] keys = new float[MOST][];

    private final float[][] values = new float[MOST][];
    private float[] query = {};
    private float[] context = {};
    /** The scores of a query, then their softmax: [heads, keys]. */
    private float[] weights = {};
    /** The same numbers, for a reader of the softmax. */
    private FloatBuffer softmax = FloatBuffer.wrap(weights);
    /** The weight of a key by which each column of its value is multiplied, [D]. */
    private float[] factors = {};

    /** Whether a row is short enough. This depends on the row alone, so its bits are the same in every batch. */
    static boolean fits(int queries, int keys) {
        return queries <= MOST && keys <= MOST;
    }

    /** Computes the context of one row. */
    void run(int row, Attention attention, HostRows contexts, HostRows queries, HostRows allKeys, HostRows allValues) {
        fit(attention.query().columns(), attention.heads());
        AttentionRows rows = attention.rows();
        int count = rows.keys(row);
        for (int k = 0; k < count; k++) {
            allKeys.read(rows.key(row) + k, keys[k]);
            allValues.read(rows.key(row) + k, values[k]);
            if (attention.queriesPerKey() > 1) {
                copyHeads(keys[k], attention);
                copyHeads(values[k], attention);
            }
        }
        for (int q = 0; q < rows.queries(row); q++) {
            queries.read(rows.query(row) + q, query);
            for (int head = 0; head < attention.heads(); head++) {
                int first = head * attention.headSize();
                for (int k = 0; k < count; k++) {
                    weights[head * count + k] = dot(query, keys[k], first, attention.headSize());
                }
                PortableKernels.softmax(weights, head * count, count);
            }
            average(attention, count);
            contexts.write(rows.query(row) + q, context);
            for (int head = 0; head < attention.heads() && attention.reader() != null; head++) {
                attention.reader().read(row, softmax, head * count);
            }
        }
    }

    private void fit(int width, int heads) {
        if (query.length < width) {
            query = new float[width];
            context = new float[width];
            factors = new float[width];
            Arrays.setAll(keys, k -> new float[width]);
            Arrays.setAll(values, k -> new float[width]);
        }
        if (weights.length < heads * MOST) {
            weights = new float[heads * MOST];
            softmax = FloatBuffer.wrap(weights);
        }
    }

    /** Moves each head of a key or value to the query heads that share it: the last one first, as it lies behind all. */
    private static void copyHeads(float[] numbers, Attention attention) {
        int size = attention.headSize();
        for (int head = attention.heads() - 1; head > 0; head--) {
            System.arraycopy(numbers, head / attention.queriesPerKey() * size, numbers, head * size, size);
        }
    }

    /** The sum of {@code count} products, in four parts that the processor adds at the same time. */
    private static float dot(float[] a, float[] b, int first, int count) {
        float sum0 = 0;
        float sum1 = 0;
        float sum2 = 0;
        float sum3 = 0;
        int end = first + count;
        int i = first;
        for (; i + 3 < end; i += 4) {
            sum0 += a[i] * b[i];
            sum1 += a[i + 1] * b[i + 1];
            sum2 += a[i + 2] * b[i + 2];
            sum3 += a[i + 3] * b[i + 3];
        }
        for (; i < end; i++) {
            sum0 += a[i] * b[i];
        }
        return (sum0 + sum1) + (sum2 + sum3);
    }

    /** The mean of the values, weighted by the softmax: in loops over all heads, which the compiler vectorises. */
    private void average(Attention attention, int count) {
        int width = attention.query().columns();
        int headSize = attention.headSize();
        Arrays.fill(context, 0, width, 0);
        for (int k = 0; k < count; k++) {
            for (int head = 0; head < attention.heads(); head++) {
                Arrays.fill(factors, head * headSize, (head + 1) * headSize, weights[head * count + k]);
            }
            addProducts(context, factors, values[k], width);
        }
    }

    private static void addProducts(float[] sum, float[] a, float[] b, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] += a[i] * b[i];
        }
    }
}
