package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Pooling;
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

/** Fused tokens and pooled vectors of both kernel forms against what PyTorch gave for the same random weights. */
class GoldenParityTest {
    /** PyTorch's own float32 is up to 2.8e-6 off its float64 on this data (src/test/resources/golden/README.md). */
    private static final double TOLERANCE = 2e-5;

    private static final Path GOLDEN = Path.of("src/test/resources/golden");

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
    void fusedTokensAndPooledVectorsArePyTorchs(String name, KernelLibrary library) throws IOException {
        String directory = GOLDEN.resolve(name).toString();
        Checkpoint checkpoint = Checkpoint.read(directory, new Configuration());
        GoldenData golden = GoldenData.read(directory, checkpoint.config());
        try (FusionModel model = FusionModel.load(checkpoint, library);
                FusionWorkspace workspace = model.workspace(golden.fused().length)) {
            for (List<FeatureSequence> row : golden.rows()) {
                assertThat(workspace.batch().add(row)).isTrue();
            }
            model.fuse(workspace);
            int token = 0;
            for (int row = 0; row < golden.rows().size(); row++) {
                for (float[] fused : workspace.tokens(row)) {
                    assertClose(fused, golden.fused()[token], "token " + token);
                    token++;
                }
                if (checkpoint.config().pooling() != Pooling.NONE) {
                    assertClose(workspace.pooled(row), golden.pooled()[row], "pooled row " + row);
                }
            }
            assertThat(token).isEqualTo(golden.fused().length);
        }
    }

    private static void assertClose(float[] got, float[] expected, String what) {
        assertThat(got).hasSameSizeAs(expected);
        for (int i = 0; i < got.length; i++) {
            double limit = TOLERANCE * Math.max(1, Math.abs(expected[i]));
            if (!(Math.abs((double) got[i] - expected[i]) <= limit)) {
                assertThat(got[i]).as("%s, element %d", what, i).isEqualTo(expected[i]);
            }
        }
    }
}
