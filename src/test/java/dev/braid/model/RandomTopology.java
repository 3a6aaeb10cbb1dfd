package dev.braid.model;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.InterleavedStreams;
import dev.braid.checkpoint.Interleaving;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Models of several streams: one of each modality, perhaps with learned tokens or of another size, one of learned tokens alone,
 * one that joins others; and stacks of every kind on them.
 */
final class RandomTopology {
    private static final List<Pooling> POOLINGS =
            List.of(Pooling.POOLER, Pooling.CLS, Pooling.LAST, Pooling.MEAN, Pooling.MAX);

    private final Random random;
    private final int heads;
    private final int hiddenSize;
    private final List<ModalityConfig> modalities = new ArrayList<>();
    private final List<StreamConfig> streams = new ArrayList<>();

    private RandomTopology(Random random) {
        this.random = random;
        this.heads = 2 + random.nextInt(3);
        this.hiddenSize = heads * (4 + random.nextInt(6));
    }

    static Checkpoint model(Random random, long seed) {
        RandomTopology topology = new RandomTopology(random);
        ModelConfig config = topology.config();
        return random.nextBoolean()
                ? RandomCheckpoint.of(config, seed)
                : RandomCheckpoint.of(
                        config,
                        seed,
                        RandomCheckpoint.Part.FINAL_NORM,
                        RandomCheckpoint.Part.MEMORY_NORM,
                        RandomCheckpoint.Part.ROWS);
    }

    private ModelConfig config() {
        for (int m = 0; m < 1 + random.nextInt(3); m++) {
            modalities.add(RandomModality.any("m" + m, 1 + random.nextInt(20), ModalityConfig.UNLIMITED, random));
            boolean other = m > 0 && random.nextInt(3) == 0;
            streams.add(new StreamConfig(
                    "s" + m, other ? 5 + random.nextInt(40) : hiddenSize, random.nextInt(3), List.of(m), List.of()));
        }
        if (random.nextBoolean() || streams.size() == 1) {
            streams.add(new StreamConfig("queries", hiddenSize, 1 + random.nextInt(3), List.of(), List.of()));
        }
        List<Integer> changed = streamsOfHiddenSize();
        if (random.nextBoolean()) {
            int first = changed.get(random.nextInt(changed.size()));
            List<Integer> parts = new ArrayList<>(List.of(first));
            changed.stream().filter(stream -> stream != first).limit(1).forEach(parts::add);
            streams.add(new StreamConfig("joined", hiddenSize, 0, List.of(), parts));
            changed = streamsOfHiddenSize();
        }
        List<StackConfig> stacks = new ArrayList<>();
        InterleavedStreams placed = new InterleavedStreams(streams);
        for (int stack = 0; stack < 1 + random.nextInt(3); stack++) {
            stacks(changed).forEach(added -> stacks.add(placed.place(added)));
        }
        ModelConfig config = new ModelConfig(
                modalities, placed.streams(), stacks, List.of(0), positions(), POOLINGS.get(random.nextInt(5)));
        List<StreamConfig> all = new ArrayList<>(config.streams());
        List<Integer> output = random.nextInt(4) == 0 ? vectors(all) : output(config);
        return new ModelConfig(modalities, all, stacks, output, config.positions(), config.pooling());
    }

    /** Pools two streams, and puts their vectors side by side. */
    private List<Integer> vectors(List<StreamConfig> all) {
        int streamCount = all.size();
        for (int v = 0; v < 2; v++) {
            int of = random.nextInt(streams.size()); // not one that alternating stacks added
            Pooling pooling = List.of(Pooling.CLS, Pooling.LAST, Pooling.MEAN, Pooling.MAX)
                    .get(random.nextInt(4));
            all.add(StreamConfig.pooled("v" + v, all.get(of).hiddenSize(), of, pooling));
        }
        int size = all.get(streamCount).hiddenSize() + all.get(streamCount + 1).hiddenSize();
        all.add(StreamConfig.ofFeatures("vectors", size, List.of(streamCount, streamCount + 1)));
        return List.of(streamCount + 2);
    }

    /** Tables for the longest row: learned tokens and three modalities. */
    private PositionConfig positions() {
        List<PositionEmbeddings> computed = List.of(
                PositionEmbeddings.NONE, PositionEmbeddings.SINUSOIDAL, PositionEmbeddings.SINUSOIDAL_CONCATENATED);
        boolean evenSizes = streams.stream().allMatch(stream -> stream.hiddenSize() % 2 == 0);
        RotaryEmbeddings rotary = hiddenSize / heads % 2 == 0 && random.nextBoolean()
                ? new RotaryEmbeddings(
                        random.nextBoolean() ? RotaryEmbeddings.Pairs.HALF : RotaryEmbeddings.Pairs.INTERLEAVED,
                        1 + random.nextInt(1000))
                : null;
        return new PositionConfig(
                evenSizes ? computed.get(random.nextInt(computed.size())) : PositionEmbeddings.NONE, rotary, 100);
    }

    /** One that runs by itself, or several whose layers alternate. */
    private List<StackConfig> stacks(List<Integer> changed) {
        List<Integer> some = new ArrayList<>(changed);
        Collections.shuffle(some, random);
        Interleaving.Exchange exchange = List.of(Interleaving.Exchange.values()).get(random.nextInt(3));
        if (exchange == Interleaving.Exchange.BOTTLENECK) {
            return bottleneck(some);
        }
        if (exchange == Interleaving.Exchange.NOTHING || some.size() < 2) {
            return List.of(stack(some.get(0)));
        }
        StackConfig.Kind kind = List.of(StackConfig.Kind.values()).get(1 + random.nextInt(3));
        int layers = 1 + random.nextInt(3);
        return IntStream.range(0, 2)
                .mapToObj(i -> new StackConfig(
                        kind,
                        some.get(i),
                        some.get(1 - i),
                        layers,
                        layer(kind),
                        new Interleaving(Interleaving.Exchange.CO_ATTENTION, 2, i)))
                .toList();
    }

    /** Of a stream of learned tokens alone, if there is one, and streams that have none of these. */
    private List<StackConfig> bottleneck(List<Integer> some) {
        Optional<Integer> bottleneck = some.stream()
                .filter(stream -> streams.get(stream).modalities().isEmpty()
                        && !streams.get(stream).isJoined())
                .findFirst();
        if (bottleneck.isEmpty()) {
            return List.of(stack(some.get(0)));
        }
        List<Integer> changed = some.stream()
                .filter(stream -> !stream.equals(bottleneck.get())
                        && !streams.get(stream).joined().contains(bottleneck.get()))
                .limit(1 + random.nextInt(3))
                .toList();
        int layers = 1 + random.nextInt(3);
        return IntStream.range(0, changed.size())
                .mapToObj(i -> new StackConfig(
                        StackConfig.Kind.ENCODER,
                        changed.get(i),
                        bottleneck.get(),
                        layers,
                        layer(StackConfig.Kind.ENCODER),
                        new Interleaving(Interleaving.Exchange.BOTTLENECK, changed.size(), i)))
                .toList();
    }

    private List<Integer> streamsOfHiddenSize() {
        List<Integer> found = new ArrayList<>();
        for (int stream = 0; stream < streams.size(); stream++) {
            if (streams.get(stream).hiddenSize() == hiddenSize) {
                found.add(stream);
            }
        }
        return found;
    }

    private StackConfig stack(int stream) {
        StackConfig.Kind kind = List.of(StackConfig.Kind.values()).get(random.nextInt(4));
        int memory =
                kind.attendsToMemory() ? (stream + 1 + random.nextInt(streams.size() - 1)) % streams.size() : stream;
        return new StackConfig(kind, stream, memory, 1 + random.nextInt(2), layer(kind));
    }

    private LayerConfig layer(StackConfig.Kind kind) {
        boolean hasFeedForward = kind != StackConfig.Kind.CROSS_ATTENTION || random.nextBoolean();
        return new LayerConfig(
                hiddenSize,
                heads,
                random.nextBoolean() ? heads : 1,
                hasFeedForward ? 1 + random.nextInt(60) : 0,
                List.of(Activation.values()).get(random.nextInt(Activation.values().length)),
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean() ? NormType.LAYER_NORM : NormType.RMS_NORM,
                1e-5f,
                random.nextInt(4) > 0);
    }

    /** Often a stream of the last stacks alone, else others, of which none is joined. */
    private List<Integer> output(ModelConfig config) {
        List<Integer> some = new ArrayList<>(streamsOfHiddenSize());
        some.removeIf(stream -> streams.get(stream).isJoined() || random.nextInt(3) == 0);
        List<List<StackConfig>> stacks = config.interleavedStacks();
        List<StackConfig> last = stacks.get(stacks.size() - 1);
        return random.nextBoolean() || some.isEmpty()
                ? List.of(config.changedStream(last.get(random.nextInt(last.size()))))
                : some;
    }
}
