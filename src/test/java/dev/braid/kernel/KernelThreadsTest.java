package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A task uses its own thread and no other, whatever the environment says. */
@EnabledOnOs(OS.LINUX)
class KernelThreadsTest {

    /** Native threads are born with the name of the thread that starts them; here it is one that nobody else has. */
    @Test
    void oneDnnStartsNoThreads() throws Exception {
        KernelLibrary library = KernelLibrary.oneDnn();
        run(library); // Loading the native libraries starts threads once per process, which stay idle.
        String name = "k-" + System.nanoTime() % 1_000_000_000L;
        ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
        try {
            Callable<Long> work = () -> {
                run(library);
                return threadsNamed(name);
            };
            Future<Long> threads = executor.submit(work);
            assertThat(threads.get()).isEqualTo(1);
        } finally {
            executor.shutdown();
        }
    }

    private static void run(KernelLibrary library) {
        Matrix weight = Matrix.allocate(1024, 1024);
        Matrix in = Matrix.allocate(512, 1024);
        Matrix out = Matrix.allocate(512, 1024);
        try (Kernels kernels = library.open();
                PackedLinear packed = library.pack(weight, Matrix.allocate(1, 1024))) {
            kernels.bindThread();
            kernels.linear(out, in, packed, Activation.RELU);
            kernels.layerNorm(out, in, new Norm(Matrix.allocate(1, 1024), Matrix.allocate(1, 1024), 1e-5f));
            kernels.attention(out, in, in, in, Matrix.allocate(8 * 512, 512), 8);
        }
        List.of(weight, in, out).forEach(Matrix::close);
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
