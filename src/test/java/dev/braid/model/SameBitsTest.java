package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.RandomCheckpoint.Part;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;

/**
 * With oneDNN, a row's bits are those of its own features: whatever batch it is in, where in it, beside which rows, under
 * which token budget, in a workspace with whatever past, and beside which other threads. For the sizes
 * of real models and odd ones, rows of 1 to 600 tokens, and every readout.
 */
class SameBitsTest {
    private static final int[] HIDDEN_SIZES = {8, 39, 64, 96, 256, 512, 768};
    private static final int[] HEADS = {1, 2, 3, 4, 8, 12};
    private static final int[] FEATURE_SIZES = {1, 13, 64, 256, 768, 1024, 2048};
    private static final int[] INTERMEDIATE_SIZES = {37, 128, 1024, 2048, 3072};
    /** Longest of a row's sequences: mostly short, some past the queries that are attended together. */
    private static final int[] LENGTHS = {1, 2, 8, 20, 20, 70, 150, 300};

    /** What is read of a fused row. */
    private record Fused(List<float[]> pooled, List<float[]> tokens, List<float[]> attentionByLayer) {}

    @Tag("slow")
    @Property(tries = 25)
    void aRowHasTheSameBitsInEveryBatch(@ForAll long seed) throws Exception {
        Random random = new Random(seed);
        Checkpoint checkpoint = randomModel(random, seed);
        List<List<FeatureSequence>> rows = IntStream.range(0, 1 + random.nextInt(12))
                .mapToObj(row -> row(checkpoint.config(), random))
                .toList();
        Set<Readout> readouts = EnumSet.noneOf(Readout.class);
        for (Readout readout : Readout.values()) {
            if (random.nextBoolean()) {
                readouts.add(readout);
            }
        }
        try (FusionModel model = FusionModel.load(checkpoint, KernelLibrary.oneDnn())) {
            List<Fused> alone = new ArrayList<>();
            for (List<FeatureSequence> row : rows) {
                alone.add(shuffled(model, List.of(row), readouts, new Random(seed), 1)
                        .get(0));
            }
            ExecutorService beside = Executors.newFixedThreadPool(2);
            try {
                List<Future<List<Fused>>> packed = new ArrayList<>();
                for (int slot = 0; slot < 2; slot++) {
                    Random order = new Random(random.nextLong());
                    packed.add(beside.submit(() -> shuffled(model, rows, readouts, order, 3)));
                }
                for (Future<List<Fused>> fused : packed) {
                    assertSame(fused.get(), alone);
                }
            } finally {
                beside.shutdown();
            }
        }
    }

    /** Kernels are compiled for the sizes that occur. */
    @Example
    void aWorkspaceThatHasSeenEveryLengthGivesTheBitsOfAFreshOne() {
        ModelConfig config = config(List.of(new ModalityConfig("text", 48)), 32, 2, 4, 64, new Random(1), Pooling.LAST);
        Random random = new Random(2);
        List<List<FeatureSequence>> rows = new ArrayList<>(IntStream.rangeClosed(1, 600)
                .mapToObj(length -> List.of(StoredFloats.normal(random, length, 48)))
                .toList());
        for (Set<Readout> readouts : List.of(Set.<Readout>of(), Set.of(Readout.TOKENS))) {
            try (FusionModel model = FusionModel.load(RandomCheckpoint.of(config, 1), KernelLibrary.oneDnn());
                    FusionWorkspace worn = model.workspace(1000, readouts)) {
                List<Fused> first = fuse(model, worn, rows, readouts);
                assertSame(fuse(model, worn, rows, readouts), first);
                for (int row = 0; row < rows.size(); row += 47) {
                    try (FusionWorkspace fresh = model.workspace(600, readouts)) {
                        assertSame(fuse(model, fresh, List.of(rows.get(row)), readouts), List.of(first.get(row)));
                    }
                }
            }
        }
    }

    /** The rows' results in their own order, after they were fused {@code times} times, in a random order each. */
    private static List<Fused> shuffled(
            FusionModel model, List<List<FeatureSequence>> rows, Set<Readout> readouts, Random random, int times) {
        int longest = rows.stream().mapToInt(row -> tokens(model, row)).max().orElseThrow();
        int sum = rows.stream().mapToInt(row -> tokens(model, row)).sum();
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, rows.size()).boxed().toList());
        List<Fused> fused = new ArrayList<>(Collections.nCopies(rows.size(), null));
        int budget = longest + random.nextInt(sum + 1);
        try (FusionWorkspace workspace = model.workspace(budget, readouts)) {
            for (int time = 0; time < times; time++) {
                Collections.shuffle(order, random);
                List<Fused> inOrder =
                        fuse(model, workspace, order.stream().map(rows::get).toList(), readouts);
                for (int i = 0; i < order.size(); i++) {
                    Fused before = fused.set(order.get(i), inOrder.get(i));
                    if (before != null) {
                        assertSame(List.of(inOrder.get(i)), List.of(before));
                    }
                }
            }
        }
        return fused;
    }

    private static int tokens(FusionModel model, List<FeatureSequence> row) {
        return model.config().learnedTokens()
                + row.stream().mapToInt(FeatureSequence::tokens).sum();
    }

    /** Batches filled as a task fills them. */
    private static List<Fused> fuse(
            FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows, Set<Readout> readouts) {
        List<Fused> fused = new ArrayList<>();
        workspace.batch().clear();
        for (List<FeatureSequence> row : rows) {
            if (!workspace.batch().fits(tokens(model, row) - model.config().learnedTokens())) {
                fused.addAll(fuse(model, workspace, readouts));
                workspace.batch().clear();
            }
            assertThat(workspace.batch().add(row)).isTrue();
        }
        fused.addAll(fuse(model, workspace, readouts));
        return fused;
    }

    private static List<Fused> fuse(FusionModel model, FusionWorkspace workspace, Set<Readout> readouts) {
        model.fuse(workspace);
        return IntStream.range(0, workspace.batch().rows())
                .mapToObj(row -> new Fused(
                        List.of(workspace.pooled(row)),
                        readouts.contains(Readout.TOKENS) ? List.of(workspace.tokens(row)) : List.of(),
                        readouts.contains(Readout.ATTENTION) ? List.of(workspace.attentionByLayer(row)) : List.of()))
                .toList();
    }

    private static void assertSame(List<Fused> got, List<Fused> expected) {
        assertThat(got).hasSameSizeAs(expected);
        for (int row = 0; row < got.size(); row++) {
            Fused one = got.get(row);
            Fused other = expected.get(row);
            assertSame("pooled vector of row " + row, one.pooled(), other.pooled());
            assertSame("tokens of row " + row, one.tokens(), other.tokens());
            assertSame("attention of row " + row, one.attentionByLayer(), other.attentionByLayer());
        }
    }

    private static void assertSame(String what, List<float[]> got, List<float[]> expected) {
        assertThat(got.toArray(float[][]::new)).as(what).isDeepEqualTo(expected.toArray(float[][]::new));
    }

    private static Checkpoint randomModel(Random random, long seed) {
        int heads = any(HEADS, random);
        int hiddenSize = any(HIDDEN_SIZES, random);
        while (hiddenSize % heads != 0) {
            hiddenSize = any(HIDDEN_SIZES, random);
        }
        List<ModalityConfig> modalities = new ArrayList<>();
        for (int m = 0; m < 1 + random.nextInt(2); m++) {
            modalities.add(new ModalityConfig("m" + m, any(FEATURE_SIZES, random)));
        }
        List<Pooling> poolings = List.of(Pooling.MEAN, Pooling.MAX, Pooling.LAST, Pooling.CLS, Pooling.POOLER);
        ModelConfig config = config(
                modalities,
                hiddenSize,
                1 + random.nextInt(2),
                heads,
                any(INTERMEDIATE_SIZES, random),
                random,
                poolings.get(random.nextInt(poolings.size())));
        List<Part> parts = new ArrayList<>(List.of(Part.values()));
        parts.removeIf(part -> random.nextBoolean());
        return RandomCheckpoint.of(config, seed, parts.toArray(Part[]::new));
    }

    private static ModelConfig config(
            List<ModalityConfig> modalities,
            int hiddenSize,
            int layers,
            int heads,
            int intermediateSize,
            Random random,
            Pooling pooling) {
        return ModelConfig.singleStream(
                modalities,
                random.nextBoolean(),
                layers,
                new LayerConfig(
                        hiddenSize,
                        heads,
                        intermediateSize,
                        List.of(Activation.values()).get(random.nextInt(Activation.values().length)),
                        random.nextBoolean(),
                        1e-5f,
                        random.nextBoolean()),
                pooling);
    }

    private static List<FeatureSequence> row(ModelConfig config, Random random) {
        return config.modalities().stream()
                .map(modality ->
                        StoredFloats.normal(random, 1 + random.nextInt(any(LENGTHS, random)), modality.featureSize()))
                .toList();
    }

    private static int any(int[] choices, Random random) {
        return choices[random.nextInt(choices.length)];
    }
}
