package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Off-heap buffers may be many times larger than the heap: executors are sized that way. */
class SmallHeapTest {

    @Test
    void kernelsRunBesideBuffersThatAreManyTimesTheHeap() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx48m",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Main.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(new File("target/small-heap.log"))
                .start();

        assertThat(process.waitFor()).as("exit code; see target/small-heap.log").isZero();
    }

    /** Touches 400 MB of buffers under a heap of 48 MB, and compiles kernels after that. */
    static final class Main {
        public static void main(String[] arguments) {
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
        }
    }
}
