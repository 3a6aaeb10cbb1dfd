package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.checkpoint.RandomCheckpoint.Part;
import dev.braid.kernel.HeldMemory;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import dev.braid.tensor.Activation;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A model or a workspace that cannot be opened holds no memory. */
class FailingPathsTest {
    private static final Checkpoint CHECKPOINT = RandomCheckpoint.of(
            ModelConfig.singleStream(
                    List.of(new ModalityConfig("visual", 5), new ModalityConfig("text", 3)),
                    true,
                    2,
                    new LayerConfig(8, 2, 16, Activation.RELU, false, 1e-5f, true),
                    Pooling.POOLER),
            1,
            Part.EMBEDDING_NORM,
            Part.FINAL_NORM);

    /** Two projections, four maps of each of two layers, the last one's queries apart, and the pooler. */
    private static final int MAPS = 2 + 2 * 4 + 1 + 1;

    /** The portable kernels, of which the last ones cannot be had. */
    private record Failing(int packed, boolean opens) implements KernelLibrary {
        private static int count;

        @Override
        public String name() {
            return "failing";
        }

        @Override
        public PackedLinear pack(Matrix weight, Matrix bias) {
            if (count++ == packed) {
                throw new IllegalStateException("no map " + packed);
            }
            return KernelLibrary.portable().pack(weight, bias);
        }

        @Override
        public Kernels open() {
            if (!opens) {
                throw new IllegalStateException("no kernels");
            }
            return KernelLibrary.portable().open();
        }
    }

    @Test
    void aModelThatCannotBePackedHoldsNothing() {
        long before = HeldMemory.bytes();
        for (int packed = 0; packed < MAPS; packed++) {
            Failing library = new Failing(packed, true);
            Failing.count = 0;
            assertThatThrownBy(() -> FusionModel.load(CHECKPOINT, library)).hasMessage("no map " + library.packed());
            assertThat(HeldMemory.bytes()).as("map %d", packed).isEqualTo(before);
        }
        Failing.count = 0;
        try (FusionModel model = FusionModel.load(CHECKPOINT, new Failing(MAPS, true))) {
            assertThat(model.config()).isEqualTo(CHECKPOINT.config());
            assertThat(HeldMemory.bytes()).isGreaterThan(before);
        }
        assertThat(HeldMemory.bytes()).isEqualTo(before);
    }

    @Test
    void aWorkspaceWithoutKernelsHoldsNothing() {
        Failing.count = 0;
        try (FusionModel model = FusionModel.load(CHECKPOINT, new Failing(MAPS, false))) {
            long before = HeldMemory.bytes();
            assertThatThrownBy(() -> model.workspace(100)).hasMessage("no kernels");
            assertThat(HeldMemory.bytes()).isEqualTo(before);
        }
    }
}
