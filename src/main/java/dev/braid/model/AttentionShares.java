package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.ModelConfig;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * What each group of a row's tokens receives of the row's attention: the softmax weights of all heads and queries, summed
 * over the group's keys. A group is the CLS token, where the model has one, or a modality, in token order. One layer is
 * written after the other, and each batch from scratch.
 */
final class AttentionShares {
    private final Batch batch;
    private final int layers;
    private final int heads;
    private final int groups;
    /** Sum of row r, layer l, group g, at [(r * layers + l) * groups + g]. */
    private final double[] sums;

    private final float[] weights;

    AttentionShares(ModelConfig config, Batch batch, int maxTokens) {
        this.batch = batch;
        this.layers = config.layers();
        this.heads = config.heads();
        this.groups = config.leadingTokens() + config.modalities().size();
        this.sums = new double[Math.toIntExact(sums(config, maxTokens))];
        this.weights = new float[maxTokens];
    }

    private static long sums(ModelConfig config, int maxTokens) {
        int mostRows = maxTokens / (config.leadingTokens() + 1); // a row may lack all modalities but one
        int groups = config.leadingTokens() + config.modalities().size();
        return (mostRows + 1L) * config.layers() * groups;
    }

    /** Bytes of Java heap for a budget of so many tokens. */
    static long heapBytes(ModelConfig config, int maxTokens) {
        return sums(config, maxTokens) * Double.BYTES + (long) maxTokens * Float.BYTES;
    }

    /** Forgets what the last batch received. */
    void clear() {
        Arrays.fill(sums, 0, batch.rows() * layers * groups, 0);
    }

    /** Adds what one head and query of a row gives each of its keys, from {@code first} on. */
    void add(int row, int layer, FloatBuffer softmax, int first) {
        softmax.get(first, weights, 0, batch.tokens(row));
        int start = (row * layers + layer) * groups;
        int key = 0;
        for (int group = 0; group < groups; group++) {
            int end = key + tokens(row, group);
            double sum = 0;
            for (; key < end; key++) {
                sum += weights[key];
            }
            sums[start + group] += sum;
        }
    }

    private int tokens(int row, int group) {
        int modality = group - batch.leadingTokens();
        return modality < 0 ? 1 : batch.tokens(row, modality);
    }

    /** [layers][groups]: the mean over heads and queries. */
    float[][] byLayer(int row) {
        float[][] shares = new float[layers][groups];
        for (int layer = 0; layer < layers; layer++) {
            for (int group = 0; group < groups; group++) {
                shares[layer][group] = (float) (sums[(row * layers + layer) * groups + group] / queries(row));
            }
        }
        return shares;
    }

    /** [groups]: the mean over layers, heads and queries. */
    float[] overall(int row) {
        float[] shares = new float[groups];
        for (int group = 0; group < groups; group++) {
            double sum = 0;
            for (int layer = 0; layer < layers; layer++) {
                sum += sums[(row * layers + layer) * groups + group];
            }
            shares[group] = (float) (sum / queries(row) / layers);
        }
        return shares;
    }

    private double queries(int row) {
        return (double) heads * batch.tokens(row);
    }
}
