package dev.braid.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.model.FusionModel;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.nd4j.linalg.factory.Nd4j;

class BraidWorkerTest {

    @Test
    void everyRowOfTheFilesIsFusedInItsOrderInEveryPass(@TempDir Path directory) throws IOException {
        int[] visualLengths = {2, 1, 3};
        int[] textLengths = {1, 4, 2};
        float[][] visual = write(directory, "visual", 7, visualLengths);
        float[][] text = write(directory, "text", 13, textLengths);
        Checkpoint checkpoint = Checkpoint.read("src/test/resources/golden/odd-sizes");
        try (FusionModel model = FusionModel.load(checkpoint, Precision.FLOAT32)) {
            List<List<FeatureSequence>> rows =
                    BraidWorker.read(directory, model.config().modalities());
            BraidWorker.Slot slot = new BraidWorker.Slot(model, rows);
            slot.run();
            slot.run();
            for (int row = 0; row < 3; row++) {
                var arrays = Map.of(
                        "visual", Nd4j.createFromArray(visual[row]).reshape(visualLengths[row], 7),
                        "text", Nd4j.createFromArray(text[row]).reshape(textLengths[row], 13));
                assertThat(slot.vectors[row])
                        .isEqualTo(model.fuse(arrays).pooled().toFloatVector());
            }
        }
    }

    /** Writes rows of these lengths, and returns their numbers. */
    private static float[][] write(Path directory, String modality, int featureSize, int[] lengths) throws IOException {
        ByteBuffer tokens = ByteBuffer.allocate(lengths.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer bytes = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
        float[][] rows = new float[lengths.length][];
        for (int row = 0; row < lengths.length; row++) {
            tokens.putInt(lengths[row]);
            rows[row] = new float[lengths[row] * featureSize];
            for (int i = 0; i < rows[row].length; i++) {
                rows[row][i] = (float) Math.sin(bytes.position());
                bytes.putFloat(rows[row][i]);
            }
        }
        Files.write(directory.resolve(modality + ".lengths"), tokens.array());
        Files.write(directory.resolve(modality + ".float32"), bytes.array());
        return rows;
    }
}
