package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Shape;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every golden directory is a sound model, and its file of inputs and outputs sound safetensors. */
class GoldenDirectoriesTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    static List<Path> directories() throws IOException {
        try (Stream<Path> paths = Files.list(GOLDEN)) {
            return paths.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("directories")
    void aGoldenDirectoryIsRead(Path directory) throws IOException {
        Checkpoint checkpoint = Checkpoint.read(directory.toString(), new Configuration());
        ModelConfig config = checkpoint.config();
        assertThat(checkpoint.weights().stacks().stream()
                        .mapToInt(stack -> stack.layers().size())
                        .sum())
                .isEqualTo(config.layers());
        assertThat(checkpoint.weights().modalities()).hasSameSizeAs(config.modalities());
        Path golden = directory.resolve("golden.safetensors");
        try (SafetensorsFile file =
                SafetensorsFile.open(new org.apache.hadoop.fs.Path(golden.toUri()), new Configuration())) {
            long rows = 0;
            for (ModalityConfig modality : config.modalities()) {
                boolean ids = file.entries().containsKey(modality.name() + ".ids");
                Shape shape = file.read(modality.name() + (ids ? ".ids" : ".features"))
                        .shape();
                rows = shape.dimension(0);
                assertThat(ids ? modality.vocabularySize() > 0 : shape.dimension(2) == modality.featureSize())
                        .isTrue();
            }
            long tokens = 0;
            for (ModelConfig.Group group : config.outputGroups()) {
                String mask = group.name() + ".mask";
                tokens += group.isLearned()
                        ? rows * group.learned()
                        : sum(file.read(file.entries().containsKey(mask) ? mask : group.name() + ".lengths"));
            }
            assertThat(file.read("fused").shape()).isEqualTo(Shape.of(tokens, config.hiddenSize()));
        }
    }

    private static long sum(StoredTensor longs) {
        LongBuffer out = LongBuffer.allocate((int) longs.shape().elements());
        longs.copyTo(out);
        return Arrays.stream(out.array()).sum();
    }
}
