package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.KeptTokens;
import dev.braid.batch.NoTokens;
import dev.braid.batch.RepeatedTokens;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.RandomCheckpoint.Part;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.checkpoint.StackConfig;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Models of random architecture, every part present or not, against the scalar double reference: packed, masked, incomplete. */
class ScalarModelTest {
    /** Two layers of float32 sums over at most 61 products, LayerNorms of unit scale. */
    private static final double TOLERANCE = 2e-5;

    private static final int MAX_POSITIONS = 20;

    @Property(tries = 150)
    void everyArchitectureEqualsTheReference(@ForAll long seed) {
        Random random = new Random(seed);
        Checkpoint checkpoint = randomModel(random, seed);
        KernelLibrary library = random.nextBoolean() ? KernelLibrary.oneDnn() : KernelLibrary.portable();
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (int row = 0; row < 1 + random.nextInt(5); row++) {
            rows.add(row(checkpoint.config().modalities(), random));
        }
        assertEqualsTheReference(checkpoint, rows, library);
    }

    /** Streams of their own, learned and joined ones, and stacks of every kind on them. */
    @Property(tries = 150)
    void everyTopologyEqualsTheReference(@ForAll long seed) {
        Random random = new Random(seed);
        Checkpoint checkpoint = RandomTopology.model(random, seed);
        List<ModalityConfig> modalities = checkpoint.config().modalities();
        KernelLibrary library = random.nextBoolean() ? KernelLibrary.oneDnn() : KernelLibrary.portable();
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (int row = 0; row < 1 + random.nextInt(5); row++) {
            rows.add(modalities.stream()
                    .map(modality -> sequence(modality, random))
                    .toList());
        }
        assertEqualsTheReference(checkpoint, rows, library);
    }

    /**
     * Copies are projected once, and their keys and values are too as long as no layer has changed their stream; copies at other
     * positions of their row may differ from the first layer on.
     */
    @Property(tries = 100)
    void repeatedTokensGiveTheSameBitsInEveryModel(@ForAll long seed) {
        Random random = new Random(seed);
        Checkpoint checkpoint = random.nextBoolean() ? RandomTopology.model(random, seed) : randomModel(random, seed);
        List<ModalityConfig> modalities = checkpoint.config().modalities();
        int shared = random.nextInt(modalities.size());
        FeatureSequence first = sequence(modalities.get(shared), random);
        List<List<FeatureSequence>> stored = new ArrayList<>();
        List<List<FeatureSequence>> repeated = new ArrayList<>();
        for (int row = 0; row < 3; row++) {
            List<FeatureSequence> sequences = new ArrayList<>();
            modalities.forEach(modality -> sequences.add(sequence(modality, random)));
            sequences.set(shared, first);
            stored.add(List.copyOf(sequences));
            if (row > 0) {
                sequences.set(shared, new RepeatedTokens(random.nextInt(row), first));
            }
            repeated.add(sequences);
        }
        try (FusionModel model = FusionModel.load(checkpoint, KernelLibrary.oneDnn())) {
            assertThat(tokens(model, repeated)).isDeepEqualTo(tokens(model, stored));
        }
    }

    private static float[][] tokens(FusionModel model, List<List<FeatureSequence>> rows) {
        List<float[]> tokens = new ArrayList<>();
        try (FusionWorkspace workspace = model.workspace(400)) {
            rows.forEach(workspace.batch()::add);
            model.fuse(workspace);
            for (int row = 0; row < rows.size(); row++) {
                tokens.addAll(List.of(workspace.tokens(row)));
            }
        }
        return tokens.toArray(float[][]::new);
    }

    private static void assertEqualsTheReference(
            Checkpoint checkpoint, List<List<FeatureSequence>> rows, KernelLibrary library) {
        try (FusionModel model = FusionModel.load(checkpoint, library);
                FusionWorkspace workspace = model.workspace(400, EnumSet.allOf(Readout.class))) {
            rows.forEach(workspace.batch()::add);
            model.fuse(workspace);
            for (int row = 0; row < rows.size(); row++) {
                ScalarModel expected = new ScalarModel(checkpoint).fuse(rows.get(row));
                float[][] tokens = workspace.tokens(row);
                assertThat(tokens)
                        .hasDimensions(
                                expected.tokens().length, checkpoint.config().hiddenSize());
                for (int t = 0; t < tokens.length; t++) {
                    assertClose(tokens[t], expected.tokens()[t]);
                }
                if (checkpoint.config().pooling() == Pooling.POOLER) {
                    assertClose(workspace.pooled(row), expected.pooler());
                }
                assertAttention(workspace, row, expected.attentionByLayer());
            }
            assertPooledAlone(model, rows, workspace);
        }
    }

    /** The last layer of a workspace for pooled vectors computes the pooled tokens alone; rounding may differ. */
    private static void assertPooledAlone(
            FusionModel model, List<List<FeatureSequence>> rows, FusionWorkspace everyToken) {
        try (FusionWorkspace alone = model.workspace(400, Set.of())) {
            rows.forEach(alone.batch()::add);
            model.fuse(alone);
            for (int row = 0; row < rows.size(); row++) {
                float[] expected = everyToken.pooled(row);
                double[] wide = IntStream.range(0, expected.length)
                        .mapToDouble(i -> expected[i])
                        .toArray();
                assertClose(alone.pooled(row), wide);
            }
            List<List<StackConfig>> stacks = model.config().interleavedStacks();
            List<StackConfig> last = stacks.get(stacks.size() - 1);
            TokenStream stream = alone.stream(last.get(0).stream());
            boolean less =
                    alone.pooledOnly() && (last.size() > 1 || stream.packed().tokens() > rows.size());
            assertThat(model.cost(alone).total() < model.cost(everyToken).total())
                    .isEqualTo(less);
        }
    }

    private static void assertAttention(FusionWorkspace workspace, int row, List<double[]> expected) {
        float[][] byLayer = workspace.attentionByLayer(row);
        double[] mean = new double[expected.get(0).length];
        for (int layer = 0; layer < byLayer.length; layer++) {
            assertClose(byLayer[layer], expected.get(layer));
            for (int group = 0; group < mean.length; group++) {
                mean[group] += expected.get(layer)[group] / byLayer.length;
            }
        }
        float[] shares = workspace.attention(row);
        assertClose(shares, mean);
        assertThat(IntStream.range(0, shares.length).mapToDouble(g -> shares[g]).sum())
                .isCloseTo(1, within(1e-5));
    }

    private static Checkpoint randomModel(Random random, long seed) {
        // Over two or three dimensions a LayerNorm is so steep where they are nearly equal that float32 cannot tell.
        int headSize = 1 + random.nextInt(9);
        int heads = (8 + headSize - 1) / headSize + random.nextInt(5);
        int hiddenSize = heads * headSize;
        List<ModalityConfig> modalities = new ArrayList<>();
        for (int m = 0; m < 1 + random.nextInt(3); m++) {
            int featureSize = random.nextBoolean() ? hiddenSize : 1 + random.nextInt(20);
            int positions = random.nextBoolean() ? MAX_POSITIONS : ModalityConfig.UNLIMITED;
            modalities.add(RandomModality.any("m" + m, featureSize, positions, random));
        }
        NormType normType = random.nextInt(3) == 0 ? NormType.RMS_NORM : NormType.LAYER_NORM;
        Set<Part> parts = EnumSet.noneOf(Part.class);
        for (Part part : Part.values()) {
            if (random.nextBoolean()) {
                parts.add(part);
            }
        }
        if (normType == NormType.RMS_NORM) {
            parts.remove(Part.ROWS_AFTER_NORM); // only a LayerNorm has a shift to hold them
        }
        ModelConfig config = ModelConfig.singleStream(
                modalities,
                random.nextBoolean(),
                1 + random.nextInt(2),
                new LayerConfig(
                        hiddenSize,
                        heads,
                        keyValueHeads(heads, random),
                        1 + random.nextInt(60),
                        any(random, Activation.values()),
                        random.nextBoolean(),
                        random.nextBoolean(),
                        normType,
                        random.nextBoolean() ? 1e-2f : 1e-5f,
                        random.nextBoolean()),
                List.of(Pooling.POOLER, Pooling.CLS, Pooling.LAST, Pooling.MEAN).get(random.nextInt(4)));
        return RandomCheckpoint.of(
                config.withPositions(positions(hiddenSize, headSize, random)), seed, parts.toArray(Part[]::new));
    }

    private static int keyValueHeads(int heads, Random random) {
        int[] divisors = IntStream.rangeClosed(1, heads)
                .filter(divisor -> heads % divisor == 0)
                .toArray();
        return random.nextBoolean() ? heads : divisors[random.nextInt(divisors.length)];
    }

    /** Tables for the longest row: CLS and three modalities. */
    private static PositionConfig positions(int hiddenSize, int headSize, Random random) {
        RotaryEmbeddings rotary = headSize % 2 == 0 && random.nextBoolean()
                ? new RotaryEmbeddings(any(random, RotaryEmbeddings.Pairs.values()), 1 + random.nextInt(1000))
                : null;
        PositionEmbeddings embeddings = any(random, PositionEmbeddings.values());
        if (embeddings.areSinusoids() && hiddenSize % 2 != 0) {
            embeddings = PositionEmbeddings.CONCATENATED;
        }
        return new PositionConfig(embeddings, rotary, 1 + 3 * MAX_POSITIONS);
    }

    private static <T> T any(Random random, T[] values) {
        return values[random.nextInt(values.length)];
    }

    /** A row that may lack modalities, but not all. */
    private static List<FeatureSequence> row(List<ModalityConfig> modalities, Random random) {
        int always = random.nextInt(modalities.size());
        return IntStream.range(0, modalities.size())
                .mapToObj(m ->
                        m != always && random.nextInt(3) == 0 ? NoTokens.INSTANCE : sequence(modalities.get(m), random))
                .toList();
    }

    /** Up to 20 stored tokens, of which at least one is kept. */
    private static FeatureSequence sequence(ModalityConfig modality, Random random) {
        int stored = 1 + random.nextInt(MAX_POSITIONS);
        FeatureSequence all = RandomModality.sequence(modality, stored, random);
        if (random.nextBoolean()) {
            return all;
        }
        int always = random.nextInt(stored);
        int[] kept = IntStream.range(0, stored)
                .filter(token -> token == always || random.nextBoolean())
                .toArray();
        return new KeptTokens(all, kept, kept.length);
    }

    private static void assertClose(float[] got, double[] expected) {
        assertThat(got).hasSize(expected.length);
        for (int i = 0; i < got.length; i++) {
            assertThat((double) got[i]).isCloseTo(expected[i], within(TOLERANCE * Math.max(1, Math.abs(expected[i]))));
        }
    }
}
