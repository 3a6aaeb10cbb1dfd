package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** bfloat16 is refused where the processor does not multiply it: here one on which oneDNN may use no more than that. */
class Bfloat16RefusalTest {

    @ParameterizedTest
    @ValueSource(strings = {"AVX512_CORE_VNNI", "AVX512_CORE", "AVX2"})
    void aProcessorThatItWouldSlowDownIsNamed(String instructions) throws Exception {
        Path log = Path.of("target/bfloat16-refusal-" + instructions.toLowerCase(Locale.ROOT) + ".log");
        ProcessBuilder child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Main.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(new File(log.toString()));
        child.environment().put("ONEDNN_MAX_CPU_ISA", instructions);

        assertThat(child.start().waitFor()).as("exit code; see " + log).isZero();
        assertThat(Files.readString(log))
                .containsPattern(
                        "Cannot compute in bf16: expected a processor with AVX512-BF16 or AMX \\(elsewhere fp32 is"
                                + " faster\\), got one of which oneDNN uses no more than (" + instructions
                                + "|AVX[0-9A-Z_]+|0x[0-9a-f]+); drop '--precision bf16'\n");
    }

    /** Prints the refusal. */
    static final class Main {
        public static void main(String[] arguments) {
            try {
                KernelLibrary.oneDnnBfloat16();
            } catch (InputException refused) {
                System.out.println(refused.getMessage());
            }
        }
    }
}
