package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.PackedTokens;
import dev.braid.batch.TokenGroup;
import dev.braid.checkpoint.ModelConfig;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * The share of a row's attention that each group of its tokens receives: the softmax weights of all heads and queries,
 * summed over the group's keys. The groups are those of {@link ModelConfig#groups}; a group that an attention does not
 * read receives 0 from it. Each attention of the model has its own sums; each batch begins with zeros.
 */
final class AttentionShares {
    private final Batch batch;
    private final List<Recorded> attentions;
    private final int groups;
    /** Sum of row r, attention a, group g, at [(r * attentions + a) * groups + g]. */
    private final double[] sums;

    private final float[] weights;

    /**
     * One attention of the model.
     *
     * @param keyGroups the index, among all groups, of each group of the keys
     */
    @SuppressWarnings("ArrayRecordComponent") // read for every head and query, and never changed
    private record Recorded(PackedTokens queries, PackedTokens keys, int[] keyGroups, int heads) {}

    AttentionShares(ModelConfig config, List<PackedTokens> streams, Batch batch, int maxTokens) {
        this.batch = batch;
        List<ModelConfig.Group> all = config.groups();
        this.groups = all.size();
        this.attentions = config.attentions().stream()
                .map(attention -> new Recorded(
                        streams.get(attention.queries()),
                        streams.get(attention.keys()),
                        config.groups(attention.keys()).stream()
                                .mapToInt(all::indexOf)
                                .toArray(),
                        attention.heads()))
                .toList();
        this.sums = new double[Math.toIntExact(sums(config, maxTokens))];
        this.weights = new float[maxTokens];
    }

    private static long sums(ModelConfig config, int maxTokens) {
        int mostRows = maxTokens / (config.learnedTokens() + 1); // a row may lack all modalities but one
        return (mostRows + 1L) * config.attentions().size() * config.groups().size();
    }

    /** Bytes of Java heap for a budget of {@code maxTokens}. */
    static long heapBytes(ModelConfig config, int maxTokens) {
        return sums(config, maxTokens) * Double.BYTES + (long) maxTokens * Float.BYTES;
    }

    /** Sets the sums of the batch's rows to 0. */
    void clear() {
        Arrays.fill(sums, 0, batch.rows() * attentions.size() * groups, 0);
    }

    /** Adds the softmax of one head and query of a row, whose weights begin at index {@code first}. */
    void add(int row, int attention, FloatBuffer softmax, int first) {
        Recorded recorded = attentions.get(attention);
        softmax.get(first, weights, 0, recorded.keys().tokens(row));
        int start = (row * attentions.size() + attention) * groups;
        int key = 0;
        List<TokenGroup> ofKeys = recorded.keys().groups();
        for (int group = 0; group < ofKeys.size(); group++) {
            int end = key + recorded.keys().tokens(row, ofKeys.get(group));
            double sum = 0;
            for (; key < end; key++) {
                sum += weights[key];
            }
            sums[start + recorded.keyGroups()[group]] += sum;
        }
    }

    /** [attentions][groups]: the mean over heads and queries. */
    float[][] byLayer(int row) {
        float[][] shares = new float[attentions.size()][groups];
        for (int attention = 0; attention < shares.length; attention++) {
            for (int group = 0; group < groups; group++) {
                shares[attention][group] = (float) share(row, attention, group);
            }
        }
        return shares;
    }

    /** [groups]: the mean over attentions, heads and queries. */
    float[] overall(int row) {
        float[] shares = new float[groups];
        for (int group = 0; group < groups; group++) {
            double sum = 0;
            for (int attention = 0; attention < attentions.size(); attention++) {
                sum += share(row, attention, group);
            }
            shares[group] = (float) (sum / attentions.size());
        }
        return shares;
    }

    private double share(int row, int attention, int group) {
        Recorded recorded = attentions.get(attention);
        double queries = (double) recorded.heads() * recorded.queries().tokens(row);
        return sums[(row * attentions.size() + attention) * groups + group] / queries;
    }
}
