package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.RepeatedTokens;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.RandomVectors;
import dev.braid.kernel.KernelLibrary;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random graphs of steps on one vector per modality. */
class VectorFusionTest {
    /** A few layers of float32 sums over at most 200 products; products of several vectors amplify their rounding. */
    private static final double TOLERANCE = 5e-5;

    @Property(tries = 200)
    void everyGraphOfStepsEqualsTheReference(@ForAll long seed) {
        Random random = new Random(seed);
        Checkpoint checkpoint = RandomVectors.of(seed);
        KernelLibrary library = random.nextBoolean() ? KernelLibrary.oneDnn() : KernelLibrary.portable();
        List<List<FeatureSequence>> rows = rows(checkpoint, random, 1 + random.nextInt(5));
        float[][] fused = fuse(checkpoint, library, rows);
        for (int row = 0; row < rows.size(); row++) {
            List<double[]> vectors = new ArrayList<>();
            for (int m = 0; m < rows.get(row).size(); m++) {
                vectors.add(values(
                        rows.get(row).get(m), checkpoint.config().modalities().get(m)));
            }
            double[] expected = ScalarVectors.fuse(checkpoint, vectors);
            assertThat(fused[row]).hasSize(expected.length);
            double largest = Arrays.stream(expected).map(Math::abs).max().getAsDouble();
            for (int c = 0; c < expected.length; c++) {
                assertThat((double) fused[row][c])
                        .isCloseTo(
                                expected[c], org.assertj.core.api.Assertions.within(TOLERANCE * Math.max(1, largest)));
            }
        }
    }

    /** More rows than a block holds, some of which share a vector: each as if it were alone. */
    @Tag("slow")
    @Test
    void aRowsBitsDoNotDependOnOtherRows() {
        for (long seed = 0; seed < 20; seed++) {
            Checkpoint checkpoint = RandomVectors.of(seed);
            List<List<FeatureSequence>> rows = rows(checkpoint, new Random(seed), 150);
            float[][] alone = new float[rows.size()][];
            for (int row = 0; row < rows.size(); row++) {
                alone[row] = fuse(checkpoint, KernelLibrary.oneDnn(), List.of(rows.get(row)))[0];
            }
            List<List<FeatureSequence>> together = new ArrayList<>(rows);
            List<FeatureSequence> repeating = new ArrayList<>(rows.get(7));
            repeating.set(0, new RepeatedTokens(3, rows.get(3).get(0)));
            List<FeatureSequence> stored = new ArrayList<>(rows.get(7));
            stored.set(0, rows.get(3).get(0));
            together.set(7, repeating);
            alone[7] = fuse(checkpoint, KernelLibrary.oneDnn(), List.of(stored))[0];
            assertThat(fuse(checkpoint, KernelLibrary.oneDnn(), together)).isDeepEqualTo(alone);
        }
    }

    @Test
    void theLinearsOfEveryRowAreCounted() {
        Checkpoint checkpoint = Checkpoint.read("src/test/resources/golden/gated-vectors");
        try (FusionModel model = FusionModel.load(checkpoint);
                FusionWorkspace workspace = model.workspace(64)) {
            rows(checkpoint, new Random(1), 5).forEach(workspace.batch()::add);
            model.fuse(workspace);
            Cost cost = model.cost(workspace);
            assertThat(cost.total()).isEqualTo(5L * (12 * 16 + 9 * 16 + 21 * 16));
            assertThat(cost.feedForward()).isEqualTo(cost.total());
        }
    }

    private static float[][] fuse(Checkpoint checkpoint, KernelLibrary library, List<List<FeatureSequence>> rows) {
        try (FusionModel model = FusionModel.load(checkpoint, library);
                FusionWorkspace workspace = model.workspace(1000, Set.of())) {
            rows.forEach(workspace.batch()::add);
            model.fuse(workspace);
            float[][] fused = new float[rows.size()][];
            Arrays.setAll(fused, workspace::pooled);
            return fused;
        }
    }

    private static List<List<FeatureSequence>> rows(Checkpoint checkpoint, Random random, int count) {
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (int row = 0; row < count; row++) {
            rows.add(checkpoint.config().modalities().stream()
                    .map(modality -> StoredFloats.normal(random, 1, modality.featureSize()))
                    .toList());
        }
        return rows;
    }

    private static double[] values(FeatureSequence vector, ModalityConfig modality) {
        FloatBuffer floats = FloatBuffer.allocate(modality.featureSize());
        vector.copyTo(new CheckedCopy(floats), 0, 1);
        double[] values = new double[floats.capacity()];
        Arrays.setAll(values, floats::get);
        return values;
    }
}
