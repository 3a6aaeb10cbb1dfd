package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Everything that the driver sends to executors as serialised bytes. */
class CheckpointSerializationTest {
    @TempDir
    Path directory;

    private static byte[] bytes(Object value) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(value);
        }
        return bytes.toByteArray();
    }

    private static Object roundTrip(Object value) throws IOException, ClassNotFoundException {
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes(value)))) {
            return in.readObject();
        }
    }

    @Test
    void aCheckpointComesBackAsItWas() throws IOException, ClassNotFoundException {
        Checkpoint checkpoint = ModelDirectory.seed(directory).read();
        assertSame((Checkpoint) roundTrip(checkpoint), checkpoint);
    }

    @Test
    void aCheckpointWithoutOptionalPartsComesBackAsItWas() throws IOException, ClassNotFoundException {
        ModelDirectory model = new ModelDirectory(directory);
        model.ownLayer("", "self_attention", "key_proj");
        model.tensors().without("norm1.bias").without("self_attention.value_proj.bias");
        Checkpoint checkpoint = model.config("""
                        {"model_type": "fusion_encoder", "modalities": [{"name": "visual", "feature_size": 8}],
                         "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                         "attention_output_projection": false}
                        """).read();
        Checkpoint back = (Checkpoint) roundTrip(checkpoint);
        assertSame(back, checkpoint);
        assertThat(back.weights().modalities()).containsExactly(ModalityWeights.of(null));
    }

    @Test
    void publishedModelsComeBackAsTheyWere() throws IOException, ClassNotFoundException {
        for (String name : List.of("flava", "vilt", "visual-bert", "all-options")) {
            Checkpoint checkpoint = ModelDirectory.golden(name, directory).read();
            assertSame((Checkpoint) roundTrip(checkpoint), checkpoint);
        }
    }

    @Test
    void everyPartComesBackOnItsOwn() throws IOException, ClassNotFoundException {
        Checkpoint checkpoint = ModelDirectory.seed(directory).read();
        LayerWeights layer = checkpoint.weights().stacks().get(0).layers().get(1);
        Stream.of(
                        checkpoint.config(),
                        checkpoint.config().modalities().get(0),
                        checkpoint.weights(),
                        layer,
                        layer.attentions().get(0).query(),
                        layer.attentions().get(0).norm(),
                        layer.attentions().get(0).query().weight(),
                        Shape.of(2, 3))
                .forEach(part -> {
                    try {
                        assertThat(roundTrip(part)).usingRecursiveComparison().isEqualTo(part);
                    } catch (IOException | ClassNotFoundException e) {
                        throw new AssertionError(e);
                    }
                });
    }

    @Test
    void weightsAreSerialisedAsTheBytesThatAreStored() throws IOException {
        StoredTensor tensor = new StoredTensor(
                "x", DType.F32, Shape.of(1, 3 << 20), new byte[][] {new byte[8 << 20], new byte[4 << 20]});
        assertThat(bytes(tensor)).hasSizeBetween(12 << 20, (12 << 20) + 1000);
    }

    private static void assertSame(Checkpoint actual, Checkpoint expected) {
        assertThat(actual.config()).isEqualTo(expected.config());
        assertThat(actual.parameters()).isEqualTo(expected.parameters());
        List<StoredTensor> tensors = actual.weights().tensors().toList();
        List<StoredTensor> expectedTensors = expected.weights().tensors().toList();
        assertThat(tensors).hasSameSizeAs(expectedTensors);
        for (int i = 0; i < tensors.size(); i++) {
            assertThat(tensors.get(i)).hasToString(expectedTensors.get(i).toString());
            assertThat(StoredFloats.of(tensors.get(i))).isEqualTo(StoredFloats.of(expectedTensors.get(i)));
        }
    }
}
