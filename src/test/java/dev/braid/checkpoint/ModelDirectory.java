package dev.braid.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;

/** A model directory for tests: visual 6 and text 9 to hidden size 8, 2 heads, 2 layers, feed-forward 12. */
final class ModelDirectory {
    static final String CONFIG = """
            {"model_type": "fusion_encoder",
             "modalities": [{"name": "visual", "feature_size": 6}, {"name": "text", "feature_size": 9}],
             "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2%s}
            """;

    private final Path path;
    private final SafetensorsWriter tensors = new SafetensorsWriter();
    private String config = CONFIG.formatted("");

    ModelDirectory(Path path) {
        this.path = path;
    }

    /** The seed module's names around torch's layers. */
    static ModelDirectory seed(Path path) {
        ModelDirectory directory = new ModelDirectory(path);
        directory.projections();
        for (int i = 0; i < 2; i++) {
            directory.torchLayer("transformer_encoder.layers." + i + ".");
        }
        return directory;
    }

    /** The config and tensors of a golden directory, to be changed. */
    static ModelDirectory golden(String name, Path path) {
        Path golden = Path.of("src/test/resources/golden", name);
        ModelDirectory directory = new ModelDirectory(path);
        try (SafetensorsFile file = SafetensorsFile.open(
                new org.apache.hadoop.fs.Path(
                        golden.resolve("model.safetensors").toUri()),
                new Configuration(false))) {
            directory.config(Files.readString(golden.resolve("config.json")));
            for (TensorEntry entry : file.entries().values()) {
                float[] values = StoredFloats.of(file.read(entry.name()));
                long[] shape = new long[entry.shape().rank()];
                for (int axis = 0; axis < shape.length; axis++) {
                    shape[axis] = entry.shape().dimension(axis);
                }
                directory.tensors.floats(entry.name(), values, shape);
            }
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every tensor under a prefix. */
    ModelDirectory under(String prefix) {
        tensors.rename(name -> prefix + name);
        return this;
    }

    /** One value of the config text for another. */
    ModelDirectory replaced(String from, String to) {
        if (!config.contains(from)) {
            throw new IllegalArgumentException("no " + from + " in " + config);
        }
        return config(config.replace(from, to));
    }

    void projections() {
        tensors.random("visual_extractor.model_net.weight", 8, 6).random("visual_extractor.model_net.bias", 8);
        tensors.random("textual_extractor.model_net.weight", 8, 9).random("textual_extractor.model_net.bias", 8);
    }

    void torchLayer(String layer) {
        tensors.random(layer + "self_attn.in_proj_weight", 24, 8).random(layer + "self_attn.in_proj_bias", 24);
        linear(layer + "self_attn.out_proj", 8, 8);
        linear(layer + "linear1", 12, 8);
        linear(layer + "linear2", 8, 12);
        norms(layer);
    }

    /** The seed's own layer; {@code attention} and {@code key} as spelled. */
    void ownLayer(String layer, String attention, String key) {
        linear(layer + attention + ".query_proj", 8, 8);
        linear(layer + attention + "." + key, 8, 8);
        linear(layer + attention + ".value_proj", 8, 8);
        linear(layer + "feed_forward_network.0", 32, 8);
        linear(layer + "feed_forward_network.2", 8, 32);
        norms(layer);
    }

    void linear(String name, long out, long in) {
        tensors.random(name + ".weight", out, in).random(name + ".bias", out);
    }

    private void norms(String layer) {
        norm(layer + "norm1");
        norm(layer + "norm2");
    }

    void norm(String name) {
        tensors.random(name + ".weight", 8).random(name + ".bias", 8);
    }

    SafetensorsWriter tensors() {
        return tensors;
    }

    /** The usual keys and these, each with its comma before it. */
    ModelDirectory with(String keys) {
        return config(CONFIG.formatted(keys));
    }

    ModelDirectory config(String json) {
        config = json;
        return this;
    }

    Checkpoint read() {
        return inspect().checkpoint();
    }

    Inspection inspect() {
        write();
        return Inspection.read(path.toString(), new Configuration());
    }

    void write() {
        SafetensorsWriter.write(path.resolve("config.json"), config.getBytes(StandardCharsets.UTF_8));
        tensors.write(path.resolve("model.safetensors"));
    }
}
