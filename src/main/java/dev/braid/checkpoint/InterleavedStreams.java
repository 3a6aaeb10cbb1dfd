package dev.braid.checkpoint;

import java.util.ArrayList;
import java.util.List;

/**
 * The streams of a model, completed by those that alternating stacks need: a bottleneck's stack runs on the tokens of its stream
 * joined with the bottleneck's, and the second of two streams that attend to each other reads a copy of the first one, made before
 * each layer.
 */
public final class InterleavedStreams {
    private final List<StreamConfig> streams;

    /** @param streams those of the config */
    public InterleavedStreams(List<StreamConfig> streams) {
        this.streams = new ArrayList<>(streams);
    }

    /** The streams of the config, then those that {@link #place} added. */
    public List<StreamConfig> streams() {
        return List.copyOf(streams);
    }

    /**
     * A stack on the streams that its layers really read and change.
     *
     * @param stack one whose stream and memory are of the config; the memory of a bottleneck's stack is the bottleneck
     */
    public StackConfig place(StackConfig stack) {
        return switch (stack.interleaving().exchange()) {
            case NOTHING -> stack;
            case BOTTLENECK -> {
                int joined = joined(stack.stream(), stack.memory());
                yield on(stack, joined, joined);
            }
            case CO_ATTENTION ->
                on(stack, stack.stream(), stack.interleaving().index() == 0 ? stack.memory() : copy(stack.memory()));
        };
    }

    private static StackConfig on(StackConfig stack, int stream, int memory) {
        return new StackConfig(stack.kind(), stream, memory, stack.layers(), stack.layer(), stack.interleaving());
    }

    private int joined(int stream, int bottleneck) {
        StreamConfig own = streams.get(stream);
        String name = own.name() + "+" + streams.get(bottleneck).name();
        return add(new StreamConfig(name, own.hiddenSize(), 0, List.of(), List.of(stream, bottleneck)));
    }

    private int copy(int stream) {
        StreamConfig own = streams.get(stream);
        return add(new StreamConfig(own.name() + " before the layer", own.hiddenSize(), 0, List.of(), List.of(stream)));
    }

    /** Stacks one after another may use the same one. */
    private int add(StreamConfig stream) {
        if (!streams.contains(stream)) {
            streams.add(stream);
        }
        return streams.indexOf(stream);
    }
}
