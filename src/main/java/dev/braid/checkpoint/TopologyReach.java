package dev.braid.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Finds streams and stacks that the fused tokens do not depend on, because such work is a mistake in the config. */
final class TopologyReach {
    private final List<StreamConfig> streams;
    private final List<Integer> output;
    /** At the current step of the walk, the streams whose tokens are read later. */
    private final Set<Integer> live = new HashSet<>();

    private final List<WrittenStack> deadStacks = new ArrayList<>();
    /** Streams that the fused tokens depend on. */
    private final Set<Integer> read = new HashSet<>();

    private TopologyReach(List<StreamConfig> streams, List<Integer> output) {
        this.streams = streams;
        this.output = output;
    }

    /**
     * What a config describes without any effect on the fused tokens.
     *
     * @param stacks those whose stream nothing reads afterwards
     * @param streams indices of streams that nothing reads
     * @param constant indices of output streams whose tokens are the same in every row
     */
    record Unreached(List<WrittenStack> stacks, List<Integer> streams, List<Integer> constant) {}

    static Unreached of(WrittenConfig.Topology topology) {
        List<StreamConfig> streams =
                topology.streams().stream().map(WrittenStream::config).toList();
        return new TopologyReach(streams, topology.output()).find(topology.stacks());
    }

    /** Walks from the fused tokens back to the features. */
    private Unreached find(List<WrittenStack> stacks) {
        List<Set<Integer>> filledBefore = filledBefore(stacks);
        live.addAll(output);
        copyBack(filledBefore.get(stacks.size()));
        output.forEach(this::addWithParts);
        for (int i = stacks.size() - 1; i >= 0; ) {
            int count = stacks.get(i).interleaving().stacks();
            walkBack(stacks.subList(i + 1 - count, i + 1));
            for (int end = i - count; i > end; i--) {
                copyBack(filledBefore.get(i));
            }
        }
        List<Integer> unread = new ArrayList<>();
        List<Integer> constant = new ArrayList<>();
        for (int s = 0; s < streams.size(); s++) {
            int stream = s;
            boolean changed = stacks.stream()
                    .anyMatch(stack -> stack.stream() == stream
                            || (stack.interleaving().isBottleneck() && stack.memory() == stream));
            if (!read.contains(s)) {
                unread.add(s);
            }
            if (output.contains(s)
                    && !changed
                    && !streams.get(s).isJoined()
                    && streams.get(s).modalities().isEmpty()) {
                constant.add(s);
            }
        }
        return new Unreached(deadStacks, unread, constant);
    }

    /**
     * Walks back over a stack, or over several whose layers alternate: if they have more than one layer, what one stack
     * computes is read by the next layer of the others.
     */
    private void walkBack(List<WrittenStack> together) {
        WrittenStack first = together.get(0);
        boolean readsBottleneck = first.interleaving().isBottleneck() && live.contains(first.memory());
        List<WrittenStack> reached = together.stream()
                .filter(stack -> readsBottleneck || live.contains(stack.stream()))
                .toList();
        boolean all = !reached.isEmpty() && first.endLayer() - first.firstLayer() > 1;
        for (WrittenStack stack : together) {
            if (all || reached.contains(stack)) {
                live.add(stack.stream());
                live.add(stack.memory());
                addWithParts(stack.stream());
                addWithParts(stack.memory());
            } else {
                deadStacks.add(0, stack);
            }
        }
    }

    private void addWithParts(int stream) {
        read.add(stream);
        streams.get(stream).joined().forEach(this::addWithParts);
    }

    /** For each stack, the joined streams that are filled right before it; the last entry is for the output. */
    private List<Set<Integer>> filledBefore(List<WrittenStack> stacks) {
        List<Set<Integer>> filled = new ArrayList<>();
        Set<Integer> all = new HashSet<>();
        for (WrittenStack stack : stacks) {
            filled.add(fill(List.of(stack.stream(), stack.memory()), all));
        }
        filled.add(fill(output, all));
        return filled;
    }

    private Set<Integer> fill(List<Integer> read, Set<Integer> all) {
        Set<Integer> filled = new HashSet<>();
        for (int stream : read) {
            if (streams.get(stream).isJoined() && all.add(stream)) {
                filled.add(stream);
                filled.addAll(fill(streams.get(stream).joined(), all));
            }
        }
        return filled;
    }

    /** Walks back over the filling of joined streams: before it, their parts are read instead. */
    private void copyBack(Set<Integer> filled) {
        // A joined stream comes after its parts in the config, so the last one is replaced first.
        List<Integer> order = filled.stream().sorted(Comparator.reverseOrder()).toList();
        for (int stream : order) {
            if (live.remove(stream)) {
                live.addAll(streams.get(stream).joined());
            }
        }
    }
}
