package dev.braid.checkpoint;

import java.util.ArrayList;
import java.util.List;

/**
 * Adds the streams that alternating stacks need to the streams of a model. A stack with a bottleneck runs on a stream
 * that joins its own tokens and the bottleneck's. If two streams attend to each other, the second one reads a copy of
 * the first one that is made before each layer.
 */
public final class InterleavedStreams {
    private final List<StreamConfig> streams;

    /** @param streams the streams of the config */
    public InterleavedStreams(List<StreamConfig> streams) {
        this.streams = new ArrayList<>(streams);
    }

    /** The streams of the config, then those that {@link #place} added. */
    public List<StreamConfig> streams() {
        return List.copyOf(streams);
    }

    /**
     * The same stack on the streams that its layers really read and change, which are added if necessary.
     *
     * @param stack a stack on streams of the config; the memory of a stack with a bottleneck is the bottleneck
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

    /** Returns the index of a stream; adds it unless an earlier stack has already done so. */
    private int add(StreamConfig stream) {
        if (!streams.contains(stream)) {
            streams.add(stream);
        }
        return streams.indexOf(stream);
    }
}
