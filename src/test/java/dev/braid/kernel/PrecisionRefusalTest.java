package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import dev.braid.tensor.Precision;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A precision is refused where the processor would not gain: here one on which oneDNN may use no more than these instructions. */
class PrecisionRefusalTest {

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(strings = {"AVX512_CORE_VNNI", "AVX512_CORE", "AVX2"})
    void aProcessorThatItWouldSlowDownIsNamed(String instructions) throws Exception {
        Path log = Path.of("target/precision-refusal-" + instructions.toLowerCase(Locale.ROOT) + ".log");
        ProcessBuilder child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Main.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(new File(log.toString()));
        child.environment().put("ONEDNN_MAX_CPU_ISA", instructions);

        assertThat(child.start().waitFor()).as("exit code; see " + log).isZero();
        String got = "got one on which oneDNN uses at most (" + instructions + "|AVX[0-9A-Z_]+|0x[0-9a-f]+); ";
        String printed = Files.readString(log);
        assertThat(printed)
                .containsPattern(
                        "Cannot compute in bf16: expected a processor with AVX512-BF16 or AMX \\(elsewhere fp32 is"
                                + " faster\\), " + got + "drop '--precision bf16'\n");
        if (!printed.contains(" in int8\n")) { // this processor has no VNNI, or may not use it
            assertThat(printed)
                    .containsPattern(
                            "Cannot compute in int8: expected a processor with AVX512-VNNI \\(elsewhere fp32 is"
                                    + " faster or int8 is wrong\\), " + got + "drop '--precision int8'\n");
        } else {
            assertThat(instructions).isEqualTo("AVX512_CORE_VNNI");
        }
    }

    /** Prints the refusals, or the name of the library. */
    static final class Main {
        public static void main(String[] arguments) {
            for (Precision precision : List.of(Precision.BFLOAT16, Precision.INT8)) {
                try {
                    System.out.println(KernelLibrary.best(precision).name());
                } catch (InputException refused) {
                    System.out.println(refused.getMessage());
                }
            }
        }
    }
}
