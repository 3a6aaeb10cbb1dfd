package dev.braid.model;

import dev.braid.checkpoint.Activation;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StreamConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

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
                : RandomCheckpoint.of(config, seed, RandomCheckpoint.Part.FINAL_NORM, RandomCheckpoint.Part.ROWS);
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
        for (int stack = 0; stack < 1 + random.nextInt(3); stack++) {
            stacks.add(stack(changed.get(random.nextInt(changed.size()))));
        }
        return new ModelConfig(
                modalities, streams, stacks, output(stacks), PositionConfig.NONE, POOLINGS.get(random.nextInt(5)));
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
        StackConfig.Kind kind = List.of(StackConfig.Kind.values()).get(random.nextInt(3));
        int memory =
                kind.attendsToMemory() ? (stream + 1 + random.nextInt(streams.size() - 1)) % streams.size() : stream;
        boolean hasFeedForward = kind != StackConfig.Kind.CROSS_ATTENTION || random.nextBoolean();
        LayerConfig layer = new LayerConfig(
                hiddenSize,
                heads,
                heads,
                hasFeedForward ? 1 + random.nextInt(60) : 0,
                List.of(Activation.values()).get(random.nextInt(Activation.values().length)),
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextBoolean() ? NormType.LAYER_NORM : NormType.RMS_NORM,
                1e-5f,
                random.nextInt(4) > 0);
        return new StackConfig(kind, stream, memory, 1 + random.nextInt(2), layer);
    }

    /** Often the stream of the last stack alone, else others, of which none is joined. */
    private List<Integer> output(List<StackConfig> stacks) {
        List<Integer> some = new ArrayList<>(streamsOfHiddenSize());
        some.removeIf(stream -> streams.get(stream).isJoined() || random.nextInt(3) == 0);
        return random.nextBoolean() || some.isEmpty() ? List.of(stacks.get(stacks.size() - 1).stream()) : some;
    }
}
