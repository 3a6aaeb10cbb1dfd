package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Activation;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.kernel.KernelLibrary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A task uses its own thread and no other, whatever the environment says. */
@EnabledOnOs(OS.LINUX)
class ThreadsTest {

    /** Native threads are born with the name of the thread that starts them; here it is one that nobody else has. */
    @Test
    void fusingStartsNoThreadsWhicheverThreadHasTheWorkspace() throws Exception {
        ModelConfig config = new ModelConfig(
                List.of(new ModalityConfig("text", 1024)),
                512,
                1,
                8,
                2048,
                Activation.RELU,
                false,
                1e-5f,
                true,
                false,
                Pooling.MEAN);
        try (FusionModel model = FusionModel.load(RandomCheckpoint.of(config, 1), KernelLibrary.oneDnn());
                FusionWorkspace workspace = model.workspace(512)) {
            List<FeatureSequence> row = List.of(new StoredFloats(new float[512 * 1024], 512));
            for (int turn = 0; turn < 2; turn++) {
                String name = "t" + turn + "-" + System.nanoTime() % 1_000_000_000L;
                ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
                try {
                    Callable<Long> work = () -> {
                        workspace.batch().clear();
                        workspace.batch().add(row);
                        model.fuse(workspace);
                        return threadsNamed(name);
                    };
                    assertThat(executor.submit(work).get()).isEqualTo(1);
                } finally {
                    executor.shutdown();
                }
            }
        }
    }

    private static long threadsNamed(String name) throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.filter(task -> comm(task).equals(name)).count();
        }
    }

    private static String comm(Path task) {
        try {
            return Files.readString(task.resolve("comm")).strip();
        } catch (java.nio.file.NoSuchFileException e) {
            return "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
