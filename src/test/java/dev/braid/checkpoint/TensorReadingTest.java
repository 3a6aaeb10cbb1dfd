package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One tensor that several parts of a model read, whole and in slices. */
class TensorReadingTest {
    private static final ExpectedTensor TABLE =
            new ExpectedTensor("table", "table", Shape.of(2, 3), ExpectedTensor.Fit.EXACT, "a test", true, "");

    @TempDir
    Path path;

    @Test
    void aWholeTensorAndItsFirstRowAreApart() throws Exception {
        new SafetensorsWriter()
                .floats("table", new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
                .write(path.resolve("model.safetensors"));
        List<String> problems = new ArrayList<>();
        try (WeightFiles files = WeightFiles.openOne(
                new org.apache.hadoop.fs.Path(path.toUri()), WeightFiles.ONE, new Configuration(false))) {
            TensorReading reading = new TensorReading(files, problems);

            StoredTensor whole = reading.visit(TABLE, 0, 1);
            StoredTensor firstRow = reading.visit(TABLE, 0, 2);

            assertThat(StoredFloats.of(whole)).containsExactly(1, 2, 3, 4, 5, 6);
            assertThat(StoredFloats.of(firstRow)).containsExactly(1, 2, 3);
            assertThat(reading.visit(TABLE, 0, 1)).as("read once").isSameAs(whole);
            assertThat(reading.visit(TABLE, 0, 2)).as("read once").isSameAs(firstRow);
        }
        assertThat(problems).isEmpty();
    }
}
