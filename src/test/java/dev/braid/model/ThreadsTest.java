package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.NativeThreads;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Fusing computes on the calling thread alone, whatever the environment says. */
@EnabledOnOs(OS.LINUX)
class ThreadsTest {
    private static final Map<String, String> MANY =
            Map.of("OMP_NUM_THREADS", "8", "OPENBLAS_NUM_THREADS", "8", "OPENBLAS_CORETYPE", "Haswell");

    static final int FEATURE_SIZE = 1024;

    private static List<String> one;

    @BeforeAll
    static void fuseInAPlainEnvironment() throws Exception {
        one = ChildJvm.run(Map.of(), Main.class, "oneDNN");
    }

    @Test
    void fusingUsesTheCallingThreadAndNoOther() throws Exception {
        assertThat(one).hasSize(2).allMatch(line -> line.startsWith("1 thread, pool idle, bits "));
        assertThat(ChildJvm.run(MANY, Main.class, "oneDNN")).isEqualTo(one);
    }

    @Tag("slow")
    @Test
    void thePortableKernelsComputeOnOneThread() throws Exception {
        assertThat(ChildJvm.run(MANY, Main.class, "portable"))
                .hasSize(2)
                .allMatch(line -> line.startsWith("1 thread, pool idle, bits "));
    }

    /** A workspace goes from thread to thread; each is bound when it fuses. */
    @Test
    void fusingStartsNoThreadsWhicheverThreadHasTheWorkspace() throws Exception {
        try (FusionModel model = model(KernelLibrary.oneDnn());
                FusionWorkspace workspace = model.workspace(512)) {
            List<List<FeatureSequence>> rows = rows();
            for (int turn = 0; turn < 2; turn++) {
                String name = "t" + turn + "-" + System.nanoTime() % 1_000_000_000L;
                ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
                try {
                    Callable<Integer> work = () -> {
                        fuse(model, workspace, rows);
                        return NativeThreads.named(name);
                    };
                    assertThat(executor.submit(work).get()).isEqualTo(1);
                } finally {
                    executor.shutdown();
                }
            }
        }
    }

    static FusionModel model(KernelLibrary library) {
        ModelConfig config = ModelConfig.singleStream(
                List.of(new ModalityConfig("text", FEATURE_SIZE)),
                false,
                1,
                new LayerConfig(512, 8, 2048, Activation.RELU, false, 1e-5f, true),
                Pooling.MEAN);
        return FusionModel.load(RandomCheckpoint.of(config, 1), library);
    }

    private static List<List<FeatureSequence>> rows() {
        Random random = new Random(3);
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (int tokens : new int[] {256, 150, 70, 30, 5, 1}) {
            rows.add(List.of(StoredFloats.normal(random, tokens, FEATURE_SIZE)));
        }
        return rows;
    }

    private static void fuse(FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows) {
        workspace.batch().clear();
        rows.forEach(workspace.batch()::add);
        model.fuse(workspace);
    }

    /** Fuses in two slots at once and prints of each how many threads were busy for it, in its pool too, and a hash. */
    static final class Main {
        private static final int SLOTS = 2;
        private static final int RUNS = 8;

        public static void main(String[] arguments) throws Exception {
            KernelLibrary library = arguments[0].equals("portable") ? KernelLibrary.portable() : KernelLibrary.oneDnn();
            // The pools that native libraries start when they are loaded take this thread's name.
            ExecutorService loader = Executors.newSingleThreadExecutor(task -> new Thread(task, "loader"));
            FusionModel model = loader.submit(() -> model(library)).get();
            CyclicBarrier together = new CyclicBarrier(SLOTS);
            List<Future<String>> slots = new ArrayList<>();
            for (int slot = 0; slot < SLOTS; slot++) {
                String name = "slot-" + slot;
                ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
                slots.add(executor.submit(() -> use(model, name, together)));
            }
            for (Future<String> slot : slots) {
                System.out.println(slot.get());
            }
            System.exit(0);
        }

        private static String use(FusionModel model, String name, CyclicBarrier together) throws Exception {
            List<List<FeatureSequence>> rows = rows();
            try (FusionWorkspace workspace = model.workspace(512)) {
                fuse(model, workspace, rows);
                together.await();
                Map<String, Long> pool = NativeThreads.processorTime("loader");
                Map<String, Long> own = NativeThreads.processorTime(name);
                for (int run = 0; run < RUNS; run++) {
                    fuse(model, workspace, rows);
                }
                int busy = NativeThreads.busy(name, own);
                String idle = NativeThreads.busy("loader", pool) == 0 ? "idle" : "busy";
                int bits = 0;
                for (int row = 0; row < workspace.batch().rows(); row++) {
                    bits = 31 * bits + Arrays.deepHashCode(workspace.tokens(row));
                }
                return busy + " thread, pool " + idle + ", bits " + bits;
            }
        }
    }
}
