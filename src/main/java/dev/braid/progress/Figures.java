package dev.braid.progress;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/**
 * What a run report shows about the fused rows and about the tasks that fused them. The groups of tokens are CLS, if the
 * model has it, then the modalities in token order. Used by one thread at a time.
 */
public final class Figures implements Serializable {
    private static final long serialVersionUID = 1L;

    private final LengthCounts lengths = new LengthCounts();
    private final List<LengthCounts> groups = new ArrayList<>();
    private final List<ShareCounts> attention = new ArrayList<>();
    private final List<TaskSpan> spans = new ArrayList<>();
    private final Map<String, MemoryPeak> peaks = new TreeMap<>();

    /**
     * Counts a row.
     *
     * @param tokens the row's tokens
     * @param ofGroups the tokens of each group
     * @param shares the share of attention of each group; null if it is not computed
     */
    public void row(int tokens, int[] ofGroups, float[] shares) {
        lengths.add(tokens);
        grow(groups, ofGroups.length, LengthCounts::new);
        for (int g = 0; g < ofGroups.length; g++) {
            groups.get(g).add(ofGroups[g]);
        }
        if (shares != null) {
            grow(attention, shares.length, ShareCounts::new);
            for (int g = 0; g < shares.length; g++) {
                attention.get(g).add(shares[g]);
            }
        }
    }

    /** Records when the counted rows were fused, and the memory of the JVM that fused them. */
    public void ended(long begunMillis, long endedMillis, String jvm, MemoryPeak peak) {
        spans.add(new TaskSpan(begunMillis, endedMillis, lengths.rows(), lengths.tokens()));
        peaks.merge(jvm, peak, MemoryPeak::and);
    }

    /** Adds the figures of other tasks. */
    void add(Figures other) {
        lengths.add(other.lengths);
        merge(groups, other.groups, LengthCounts::new, LengthCounts::add);
        merge(attention, other.attention, ShareCounts::new, ShareCounts::add);
        spans.addAll(other.spans);
        other.peaks.forEach((jvm, peak) -> peaks.merge(jvm, peak, MemoryPeak::and));
    }

    private static <T> void merge(List<T> into, List<T> from, Supplier<T> none, BiConsumer<T, T> add) {
        grow(into, from.size(), none);
        for (int g = 0; g < from.size(); g++) {
            add.accept(into.get(g), from.get(g));
        }
    }

    private static <T> void grow(List<T> list, int size, Supplier<T> none) {
        while (list.size() < size) {
            list.add(none.get());
        }
    }

    /** Tokens per row. */
    public LengthCounts lengths() {
        return lengths;
    }

    /** Tokens per row and group; empty if there are no rows. */
    public List<LengthCounts> groups() {
        return groups;
    }

    /** Shares of attention of each group; empty if the run does not write them. */
    public List<ShareCounts> attention() {
        return attention;
    }

    /** When tasks fused, in the order in which they ended. */
    public List<TaskSpan> spans() {
        return spans;
    }

    /** The peak memory of each JVM that fused, by Spark's id of the executor. */
    public Map<String, MemoryPeak> peaks() {
        return peaks;
    }
}
