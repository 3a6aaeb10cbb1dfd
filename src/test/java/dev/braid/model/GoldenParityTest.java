package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.kernel.KernelLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Layer outputs, fused tokens, pooled vectors and attention of both kernel forms against what PyTorch gave for the same
 * random weights: every kind of model. {@link GoldenReplayTest} holds that a wrong number is seen.
 */
class GoldenParityTest {
    /** PyTorch's own float32 is up to 5e-6 off its float64 on this data (src/test/resources/golden/README.md). */
    private static final double TOLERANCE = 2e-5;

    static final Path GOLDEN = Path.of("src/test/resources/golden");

    static Stream<Arguments> cases() throws IOException {
        try (Stream<Path> entries = Files.list(GOLDEN)) {
            List<Path> directories = entries.filter(Files::isDirectory).sorted().toList();
            assertThat(directories).hasSizeGreaterThanOrEqualTo(20);
            return directories.stream()
                    .flatMap(directory -> Stream.of(KernelLibrary.oneDnn(), KernelLibrary.portable())
                            .map(library -> Arguments.of(directory.getFileName().toString(), library)));
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("cases")
    void everyNumberIsPyTorchs(String name, KernelLibrary library) {
        String directory = GOLDEN.resolve(name).toString();
        Checkpoint stored = Checkpoint.read(directory, new Configuration());
        Golden golden =
                Golden.read(directory, stored.config(), new Configuration()).orElseThrow();
        Checkpoint checkpoint = stored.withTokenIds(golden.tokenIds(), directory, new Configuration());
        try (FusionModel model = FusionModel.load(checkpoint, library)) {
            GoldenResult result = new GoldenCheck(golden, TOLERANCE).verify(model);
            assertThat(result.tokens()).isEqualTo(golden.fused().rows());
            assertThat(result.layers()).hasSize(checkpoint.config().layers());
        }
    }
}
