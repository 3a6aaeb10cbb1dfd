package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Activation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A new JVM with a small heap, whose first native call allocates a matrix. */
class SmallHeapTest {
    private static final Path LOG = Path.of("target", "small-heap.log");
    private static int exitCode;

    @BeforeAll
    static void run() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx48m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Main.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(LOG.toFile())
                .start();
        exitCode = process.waitFor();
    }

    /** Off-heap buffers may be many times larger than the heap: executors are sized that way. */
    @Test
    void kernelsRunBesideBuffersThatAreManyTimesTheHeap() {
        assertThat(exitCode).as("exit code; see %s", LOG).isZero();
    }

    /** Else JVMs of different orders replace each other's files. */
    @Test
    void theOpenMpRuntimeIsAlwaysTheOneOfOneDnn() throws IOException {
        assertThat(Files.readAllLines(LOG))
                .filteredOn(line -> line.contains("libgomp"))
                .isNotEmpty()
                .allMatch(line -> line.contains("/org/bytedeco/dnnl/"), "mapped from oneDNN's files");
    }

    /** Touches 400 MB of buffers under a heap of 48 MB, compiles kernels after that, and prints what is mapped. */
    static final class Main {
        public static void main(String[] arguments) throws IOException {
            Matrix large = Matrix.allocate(100_000, 1000);
            for (int row = 0; row < large.rows(); row++) {
                large.buffer().put(row * 1000, 1f);
            }
            Matrix weight = Matrix.allocate(32, 64);
            try (Kernels kernels = KernelLibrary.oneDnn().open();
                    PackedLinear packed = KernelLibrary.oneDnn().pack(weight, Matrix.allocate(1, 32))) {
                kernels.bindThread();
                for (int rows = 1; rows < 20; rows++) {
                    kernels.linear(Matrix.allocate(rows, 32), Matrix.allocate(rows, 64), packed, Activation.RELU);
                }
            }
            Files.readAllLines(Path.of("/proc/self/maps")).forEach(System.out::println);
        }
    }
}
