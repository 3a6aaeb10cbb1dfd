package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

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
        assertThat(checkpoint.weights().layers()).hasSize(config.layers());
        assertThat(checkpoint.weights().modalities()).hasSameSizeAs(config.modalities());
        Path golden = directory.resolve("golden.safetensors");
        try (SafetensorsFile file =
                SafetensorsFile.open(new org.apache.hadoop.fs.Path(golden.toUri()), new Configuration())) {
            long tokens = 0;
            for (ModalityConfig modality : config.modalities()) {
                StoredTensor lengths = file.read(modality.name() + ".lengths");
                LongBuffer out = LongBuffer.allocate((int) lengths.shape().elements());
                lengths.copyTo(out);
                tokens += Arrays.stream(out.array()).sum();
            }
            assertThat(file.read("fused").shape().dimension(0)).isEqualTo(tokens);
        }
    }
}
