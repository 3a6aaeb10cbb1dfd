package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.NoTokens;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.assertj.core.api.Assertions;

/** A row's numbers do not depend on the rows beside it. */
class PackingTest {
    private static final int MAX_TOKENS = 400;

    private static FusionModel oneDnn;
    /** The same weights, pooled by one token. */
    private static FusionModel pooling;

    private static FusionModel portable;

    @BeforeContainer
    static void load() {
        ModelConfig config = ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 2048), new ModalityConfig("text", 13)),
                false,
                2,
                new LayerConfig(39, 3, 37, Activation.GELU, false, 1e-5f, true),
                Pooling.MEAN);
        Checkpoint checkpoint = RandomCheckpoint.of(config, 1);
        oneDnn = FusionModel.load(checkpoint, KernelLibrary.oneDnn());
        pooling = FusionModel.load(checkpoint.withPooling(Pooling.LAST), KernelLibrary.oneDnn());
        portable = FusionModel.load(checkpoint, KernelLibrary.portable());
    }

    @AfterContainer
    static void close() {
        oneDnn.close();
        pooling.close();
        portable.close();
    }

    /**
     * With oneDNN, the same bits: heights are rounded to a multiple for which its products are row-independent. Of the
     * sizes here, one visual token alone would come out differently without.
     */
    @Property(tries = 60)
    void packedRowsHaveTheBitsOfRowsAlone(@ForAll @IntRange(min = 1, max = 60) int rows, @ForAll long seed) {
        List<List<FeatureSequence>> sequences = rows(oneDnn, rows, seed);
        List<float[][]> alone = new ArrayList<>();
        try (FusionWorkspace workspace = oneDnn.workspace(MAX_TOKENS)) {
            for (List<FeatureSequence> row : sequences) {
                alone.addAll(fuse(oneDnn, workspace, List.of(row)));
            }
        }
        List<float[][]> packed = packed(oneDnn, sequences);
        for (int row = 0; row < rows; row++) {
            assertThat(packed.get(row)).as("row %d", row).isDeepEqualTo(alone.get(row));
        }
    }

    /** So do the vectors of a last layer that computes one token of each row. */
    @Property(tries = 30)
    void pooledVectorsHaveTheBitsOfRowsAlone(@ForAll @IntRange(min = 2, max = 40) int rows, @ForAll long seed) {
        List<List<FeatureSequence>> sequences = rows(pooling, rows, seed);
        try (FusionWorkspace together = pooling.workspace(MAX_TOKENS * rows, Set.of());
                FusionWorkspace alone = pooling.workspace(MAX_TOKENS, Set.of())) {
            sequences.forEach(together.batch()::add);
            pooling.fuse(together);
            for (int row = 0; row < rows; row++) {
                alone.batch().clear();
                alone.batch().add(sequences.get(row));
                pooling.fuse(alone);
                assertThat(together.pooled(row)).as("row %d", row).isEqualTo(alone.pooled(0));
            }
        }
    }

    @Tag("slow")
    @Property(tries = 20)
    void thePortableKernelsAgree(@ForAll @IntRange(min = 1, max = 60) int rows, @ForAll long seed) {
        List<List<FeatureSequence>> sequences = rows(oneDnn, rows, seed);
        List<float[][]> expected = packed(oneDnn, sequences);
        List<float[][]> got = packed(portable, sequences);
        for (int row = 0; row < rows; row++) {
            for (int t = 0; t < expected.get(row).length; t++) {
                assertThat(got.get(row)[t]).containsExactly(expected.get(row)[t], Assertions.within(2e-5f));
            }
        }
    }

    @Example
    void anEmptyBatchIsLeftAlone() {
        try (FusionWorkspace workspace = oneDnn.workspace(MAX_TOKENS)) {
            oneDnn.fuse(workspace);
            assertThat(oneDnn.cost(workspace).total()).isZero();
        }
    }

    @Example
    void multiplyAddsAreCountedFromTheSizes() {
        try (FusionWorkspace workspace = oneDnn.workspace(MAX_TOKENS)) {
            List<FeatureSequence> row =
                    List.of(new StoredFloats(new float[3 * 2048], 3), new StoredFloats(new float[2 * 13], 2));
            workspace.batch().add(row);
            long projection = 3 * 2048 * 39 + 2 * 13 * 39;
            long layer = 5 * 4 * 39 * 39 + 2 * 5 * 5 * 39 + 5 * 2 * 39 * 37;
            assertThat(oneDnn.cost(workspace).total()).isEqualTo(projection + 2 * layer);
            long attention = 2 * 2 * 5 * 5 * 39;
            assertThat(5
                            * FusionModel.linearMultiplyAdds(
                                    oneDnn.config().stacks().get(0)))
                    .isEqualTo(2 * layer - attention);
        }
    }

    @Example
    void aBudgetThatNoBufferCanHoldIsRefusedWithTheOptionToChange() {
        for (int maxTokens : List.of(1 << 23, Integer.MAX_VALUE)) {
            Assertions.assertThatThrownBy(() -> oneDnn.workspace(maxTokens))
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith("Cannot size the buffers of a task: expected none over 536870911 numbers")
                    .hasMessageEndingWith(" for " + maxTokens + " tokens; lower --max-tokens");
        }
    }

    /** Of 13,377, queries, keys and values are 536,832,387 numbers, which a matrix holds, but not in whole blocks. */
    @Example
    void aModelWhoseWeightsNoMatrixCanHoldIsRefused() {
        FusionModel.checkSizes(wide(13_313), 1);
        for (int hiddenSize : List.of(13_377, 14_000)) {
            Assertions.assertThatThrownBy(() -> FusionModel.checkSizes(wide(hiddenSize), 1))
                    .isInstanceOf(InputException.class)
                    .hasMessage(
                            "Cannot run the model: expected no weight over 536870911 numbers, padding included, got "
                                    + (hiddenSize + 63L) * (3L * hiddenSize + 63));
        }
    }

    /** 127 tokens are rows of 128. */
    @Example
    void aBlockThatNoMatrixCanHoldInWholeRowsIsRefused() {
        ModelConfig config = ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 4_200_000)),
                false,
                1,
                new LayerConfig(8, 1, 8, Activation.RELU, false, 1e-5f, true),
                Pooling.MEAN);
        FusionModel.checkSizes(config, 112);
        Assertions.assertThatThrownBy(() -> FusionModel.checkSizes(config, 127))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot size the buffers of a task: expected none over 536870911 numbers, got 537600000 for"
                        + " 127 tokens; lower --max-tokens");
    }

    private static ModelConfig wide(int hiddenSize) {
        return ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 8)),
                false,
                1,
                new LayerConfig(hiddenSize, 1, 8, Activation.RELU, false, 1e-5f, true),
                Pooling.MEAN);
    }

    private static List<float[][]> packed(FusionModel model, List<List<FeatureSequence>> rows) {
        List<float[][]> fused = new ArrayList<>();
        try (FusionWorkspace workspace = model.workspace(MAX_TOKENS)) {
            List<List<FeatureSequence>> pending = new ArrayList<>();
            int tokens = 0;
            for (List<FeatureSequence> row : rows) {
                int length = row.stream().mapToInt(FeatureSequence::tokens).sum();
                if (tokens + length > MAX_TOKENS) {
                    fused.addAll(fuse(model, workspace, pending));
                    pending.clear();
                    tokens = 0;
                }
                pending.add(row);
                tokens += length;
            }
            fused.addAll(fuse(model, workspace, pending));
        }
        return fused;
    }

    private static List<float[][]> fuse(
            FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows) {
        workspace.batch().clear();
        for (List<FeatureSequence> row : rows) {
            assertThat(workspace.batch().add(row)).isTrue();
        }
        model.fuse(workspace);
        List<float[][]> fused = new ArrayList<>();
        for (int row = 0; row < rows.size(); row++) {
            fused.add(workspace.tokens(row));
        }
        return fused;
    }

    private static List<List<FeatureSequence>> rows(FusionModel model, int rows, long seed) {
        Random random = new Random(seed);
        List<List<FeatureSequence>> all = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            List<FeatureSequence> sequences = new ArrayList<>();
            for (ModalityConfig modality : model.config().modalities()) {
                if (modality.name().equals("visual") && random.nextInt(8) == 0) {
                    sequences.add(NoTokens.INSTANCE);
                    continue;
                }
                int tokens = 1 + random.nextInt(random.nextInt(10) == 0 ? 180 : 20);
                sequences.add(StoredFloats.normal(random, tokens, modality.featureSize()));
            }
            all.add(sequences);
        }
        return all;
    }
}
