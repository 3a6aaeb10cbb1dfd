package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.BoxConfig;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.kernel.HeldMemory;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Precision;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the accounts of memory say, next to what is allocated. */
class MemoryAccountTest {

    private static ModelConfig model(int hiddenSize, int heads, int intermediateSize, int layers) {
        return ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 5), new ModalityConfig("text", 3)),
                false,
                layers,
                new LayerConfig(hiddenSize, heads, intermediateSize, Activation.RELU, false, 1e-5f, true),
                Pooling.MEAN);
    }

    /**
     * 20 tokens are 32 rows. Floats: features 32 x (5 + 3), projected, hidden, normed and context 32 x 8 each, queries, keys and
     * values 32 x 24, intermediate 32 x 16: 2560; of attention in bfloat16, which takes more here, half of keys, values, queries
     * and context of 128 x 8 each, one and a half of scores of 2 x 128 x 128, a mask of 128, seven lines of 16: 51,440; and nine
     * matrices begin at a multiple of 64 bytes.
     */
    @Test
    void theBuffersOfAWorkspaceAreCountedByHand() {
        assertThat(FusionWorkspace.nativeBytes(model(8, 2, 16, 1), 20)).isEqualTo(4 * (2560 + 51_440) + 9 * 64);
    }

    /** 50 to 113 tokens are rounded up to 56, 64 .. 120; where one token is pooled, its attention is compiled too. */
    @Test
    void compiledAttentionIsCountedForTheSizesOfRows() {
        long mib = 1 << 20;
        assertThat(FusionWorkspace.compiledBytes(model(8, 2, 16, 1), 50, 113)).isEqualTo(9 * 2 * mib);
        assertThat(FusionWorkspace.compiledBytes(model(8, 2, 16, 1), 50, 50)).isEqualTo(2 * mib);
        // Short rows alone and together.
        assertThat(FusionWorkspace.compiledBytes(model(8, 2, 16, 1), 2, 2)).isEqualTo(2 * 2 * mib);
    }

    /**
     * Batch: of two modalities 21 places and 20 sources of rows; of 20 tokens the position, where the model reads it. Attention: 21
     * rows of 1 layer and 2 groups, and 20 weights.
     */
    @Test
    void theArraysOfAWorkspaceAreCountedByHand() {
        assertThat(FusionWorkspace.heapBytes(model(8, 2, 16, 1), 20, Set.of())).isEqualTo(4 * 2 * (21 + 20));
        RotaryEmbeddings rotary = new RotaryEmbeddings(RotaryEmbeddings.Pairs.HALF, 10_000);
        ModelConfig model = model(8, 2, 16, 1).withPositions(new PositionConfig(PositionEmbeddings.NONE, rotary, 20));
        assertThat(FusionWorkspace.heapBytes(model, 20, Set.of())).isEqualTo(4 * (2 * (21 + 20) + 20));
        assertThat(FusionWorkspace.heapBytes(model, 20, Set.of(Readout.ATTENTION)))
                .isEqualTo(4 * (2 * (21 + 20) + 20) + 8 * 42 + 4 * 20);
    }

    @ParameterizedTest
    @CsvSource({"8, 2, 16, 20", "32, 4, 64, 1", "32, 4, 64, 127", "48, 3, 100, 128", "64, 8, 256, 1000"})
    void aWorkspaceAllocatesWhatItsAccountSays(int hiddenSize, int heads, int intermediateSize, int maxTokens) {
        ModelConfig config = model(hiddenSize, heads, intermediateSize, 1);
        try (FusionModel model = FusionModel.load(RandomCheckpoint.of(config, 1), KernelLibrary.portable())) {
            long before = HeldMemory.bytes();
            FusionWorkspace workspace = model.workspace(maxTokens);
            assertThat(HeldMemory.bytes() - before).isEqualTo(FusionWorkspace.nativeBytes(config, maxTokens));
            workspace.close();
            assertThat(HeldMemory.bytes()).isEqualTo(before);
        }
    }

    /**
     * 16 rows: ids 1 and word embeddings 4 columns, features and boxes 5 + 4 columns; a table of 10 words of 4 numbers stays float32
     * at any precision.
     */
    @Test
    void idsAndBoxesAndWordEmbeddingsAreCounted() {
        ModelConfig plain = model(8, 2, 16, 1);
        ModelConfig config = ModelConfig.singleStream(
                List.of(
                        new ModalityConfig("visual", 5, new BoxConfig(4, BoxFusion.SUM), 0, false, 20),
                        new ModalityConfig("text", 4, null, 10, true, 20)),
                false,
                1,
                plain.stacks().get(0).layer(),
                Pooling.MEAN);
        assertThat(FusionWorkspace.nativeBytes(config, 10) - FusionWorkspace.nativeBytes(plain, 10))
                .isEqualTo(4 * 16 * (5 + 4 + 1 + 4 - 5 - 3) + 64);
        Checkpoint checkpoint = RandomCheckpoint.of(config, 1);
        long before = HeldMemory.bytes();
        try (FusionModel model = FusionModel.load(checkpoint, KernelLibrary.portable())) {
            long loaded = HeldMemory.bytes();
            assertThat(loaded - before).isGreaterThan(FusionModel.weightBytes(checkpoint, Precision.FLOAT32));
            try (FusionWorkspace workspace = model.workspace(10)) {
                assertThat(workspace.batch().isEmpty()).isTrue();
                assertThat(HeldMemory.bytes() - loaded).isEqualTo(FusionWorkspace.nativeBytes(config, 10));
            }
        }
        assertThat(FusionModel.weightBytes(checkpoint, Precision.BFLOAT16))
                .isEqualTo(2 * (checkpoint.parameters() - 40) + 4 * 40);
    }

    @Test
    void packedWeightsTakeWhatTheirAccountSaysAndLittleMore() {
        Checkpoint checkpoint = RandomCheckpoint.of(model(256, 8, 1000, 3), 1);
        long before = HeldMemory.bytes();
        try (FusionModel model = FusionModel.load(checkpoint)) {
            assertThat(model.config()).isEqualTo(checkpoint.config());
            assertThat(HeldMemory.bytes() - before)
                    .isBetween(
                            FusionModel.weightBytes(checkpoint, Precision.FLOAT32),
                            FusionModel.weightBytes(checkpoint, Precision.FLOAT32) * 105 / 100);
        }
        assertThat(HeldMemory.bytes()).isEqualTo(before);
        assertThat(FusionModel.packingBytes(checkpoint.config())).isEqualTo(4L * 1000 * 256);
    }
}
