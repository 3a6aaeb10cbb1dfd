package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.kernel.KernelLibrary;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * Signals that a profiler sends to the thread that fuses write a frame below its stack pointer, which compiled kernels must
 * therefore leave in the stack.
 */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class SignalTest {

    @Tag("slow")
    @Test
    void signalsDuringLongRowsChangeNoBit() throws Exception {
        List<String> lines = ChildJvm.run(Map.of(), Main.class);
        assertThat(lines).hasSize(2);
        assertThat(lines.get(0)).isEqualTo("the same bits");
        assertThat(Integer.parseInt(lines.get(1))).as("signals").isGreaterThan(500);
    }

    /** Fuses long rows under signals, compares their bits with those of rows without, and prints how many signals there were. */
    static final class Main {
        private static final int[] LENGTHS = {700, 400, 90, 20, 5};
        private static final double SECONDS = 4;

        /** SIGUSR2, which the JVM handles on the thread that gets it, and ignores unless it has asked for it; by tgkill. */
        private static final String SENDER = """
                $SIG{TERM} = sub { print $sent; exit };
                while (kill 0, $ARGV[0]) {
                    $sent += !syscall(234, $ARGV[0] + 0, $ARGV[1] + 0, 12);
                    select(undef, undef, undef, 0.001);
                }""";

        public static void main(String[] arguments) throws Exception {
            try (FusionModel model = ThreadsTest.model(KernelLibrary.oneDnn());
                    FusionWorkspace workspace = model.workspace(700)) {
                int quiet = bits(model, workspace);
                Path self = Files.readSymbolicLink(Path.of("/proc/thread-self"));
                Process sender = new ProcessBuilder(
                                "perl",
                                "-e",
                                SENDER,
                                Long.toString(ProcessHandle.current().pid()),
                                self.getFileName().toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
                boolean same = true;
                for (long start = System.nanoTime(); System.nanoTime() - start < SECONDS * 1e9; ) {
                    same &= bits(model, workspace) == quiet;
                }
                sender.toHandle().destroy(); // that of the process closes its output
                System.out.println(same ? "the same bits" : "other bits");
                System.out.println(new String(sender.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            }
        }

        private static int bits(FusionModel model, FusionWorkspace workspace) {
            Random random = new Random(5);
            int bits = 0;
            for (int length : LENGTHS) {
                workspace.batch().clear();
                workspace.batch().add(List.of(StoredFloats.normal(random, length, ThreadsTest.FEATURE_SIZE)));
                model.fuse(workspace);
                bits = 31 * bits + Arrays.deepHashCode(workspace.tokens(0));
            }
            return bits;
        }
    }
}
