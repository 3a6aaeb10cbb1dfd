package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A state dict in shards. */
class WeightFilesTest {
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    Path path;

    private ModelDirectory model;
    private Checkpoint whole;
    private List<String> first;
    private List<String> second;

    @BeforeEach
    void makeShards() throws IOException {
        model = ModelDirectory.seed(path);
        whole = model.read();
        delete("model.safetensors");
        List<String> names = model.tensors().names();
        first = names.subList(0, 7);
        second = names.subList(7, names.size());
        model.tensors().only(first).write(path.resolve(FIRST));
        model.tensors().only(second).write(path.resolve(SECOND));
        writeIndex(first.stream().collect(Collectors.toMap(name -> name, name -> FIRST)), second);
    }

    private void delete(String file) throws IOException {
        Files.delete(path.resolve(file));
        Files.deleteIfExists(path.resolve("." + file + ".crc"));
    }

    private void writeIndex(Map<String, String> first, List<String> second) {
        String entries = java.util.stream.Stream.concat(
                        first.entrySet().stream()
                                .map(entry -> "\"" + entry.getKey() + "\": \"" + entry.getValue() + "\""),
                        second.stream().map(name -> "\"" + name + "\": \"" + SECOND + "\""))
                .collect(Collectors.joining(", "));
        writeIndex("{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + entries + "}}");
    }

    private void writeIndex(String json) {
        SafetensorsWriter.write(path.resolve(INDEX), json.getBytes(StandardCharsets.UTF_8));
    }

    /** By torch.compile as a whole, or layer by layer. */
    @ParameterizedTest
    @ValueSource(strings = {"_orig_mod.$0", "$1_orig_mod.$2"})
    void aCompiledModuleIsReadUnderItsOwnNames(String compiled) throws IOException {
        delete(INDEX);
        model.tensors().rename(name -> name.replaceFirst("^(.*layers\\.\\d+\\.)?(.*)$", compiled));
        model.tensors().write(path.resolve("model.safetensors"));
        assertThat(model.tensors().names()).allMatch(name -> name.contains("_orig_mod."));
        assertThat(floats(read())).isDeepEqualTo(floats(whole));
    }

    private static float[][] floats(Checkpoint checkpoint) {
        return checkpoint.weights().tensors().map(StoredFloats::of).toArray(float[][]::new);
    }

    private Checkpoint read() {
        return Checkpoint.read(path.toString(), new Configuration());
    }

    private void assertProblems(String... problems) {
        assertThatThrownBy(this::read)
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + path + "':\n  " + String.join("\n  ", problems));
    }

    @Test
    void shardsAreReadAsOneFile() {
        Checkpoint sharded = read();
        assertThat(sharded.config()).isEqualTo(whole.config());
        List<StoredTensor> tensors = sharded.weights().tensors().toList();
        List<StoredTensor> expected = whole.weights().tensors().toList();
        assertThat(tensors).hasSameSizeAs(expected);
        for (int i = 0; i < tensors.size(); i++) {
            assertThat(tensors.get(i)).hasToString(expected.get(i).toString());
            assertThat(StoredFloats.of(tensors.get(i))).isEqualTo(StoredFloats.of(expected.get(i)));
        }
    }

    @Test
    void oneFileGoesBeforeShards() {
        model.write();
        writeIndex("broken");
        assertThat(read().parameters()).isEqualTo(whole.parameters());
    }

    @Test
    void aProblemOfATensorNamesItsShard() {
        model.tensors().random(second.get(0), 3, 3).only(second).write(path.resolve(SECOND));
        assertThatThrownBy(this::read)
                .hasMessageContaining("Cannot load tensor '" + second.get(0) + "' from " + SECOND + ": expected ");
    }

    @Test
    void aMissingTensorIsReportedOnceForAllShards() {
        String missing = second.get(second.size() - 1);
        List<String> rest = second.subList(0, second.size() - 1);
        model.tensors().only(rest).write(path.resolve(SECOND));
        writeIndex(first.stream().collect(Collectors.toMap(name -> name, name -> FIRST)), rest);
        assertProblems("Cannot load tensor '" + missing + "' from " + INDEX
                + ": expected [8] (hidden_size in config.json), got no such tensor; other biases of the layers are"
                + " stored");
    }

    @Test
    void missingShardsAreReported() throws IOException {
        delete(FIRST);
        assertThatThrownBy(this::read)
                .isInstanceOf(InputException.class)
                .hasMessageContaining("Cannot read " + FIRST + ": expected it beside model.safetensors.index.json");
    }

    @Test
    void aShardHoldsWhatTheIndexSaysAndNothingElse() {
        model.tensors().random("more", 1);
        model.tensors().only(List.of(first.get(0), "more")).write(path.resolve(FIRST));
        writeIndex(Map.of(first.get(0), FIRST, first.get(1), FIRST), second);
        assertProblems("Cannot find tensor '" + first.get(1) + "' in " + FIRST + ": expected it there (" + INDEX
                + "), got no such tensor");
        writeIndex(Map.of(first.get(0), FIRST), second);
        assertProblems("Cannot read " + FIRST + ": expected 1 tensors (" + INDEX + "), got 2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../model.safetensors",
                "/etc/model.safetensors",
                "a/b.safetensors",
                "a\\\\b.safetensors",
                "s3a:b.safetensors",
                "model.bin",
                ""
            })
    void aShardLiesBesideTheIndex(String name) {
        writeIndex("{\"weight_map\": {\"x\": \"" + name + "\", \"y\": 3}}");
        assertProblems(
                "Cannot read the shard of 'x' in " + INDEX + ": expected the name of a file beside it, got '"
                        + name.replace("\\\\", "\\") + "'",
                "Cannot read the shard of 'y' in " + INDEX + ": expected the name of a file beside it, got 3");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"weight_map\": []}", "{\"weight_map\": {}}"})
    void anIndexWithoutWeightMapIsRefused(String json) {
        writeIndex(json);
        assertThatThrownBy(this::read)
                .hasMessageContaining("Cannot read 'weight_map' in " + INDEX
                        + ": expected an object from tensor name to file name, got ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{\"weight_map\": {\"x\": \"a\", \"x\": \"a\"}}"})
    void anIndexThatIsNoJsonIsRefused(String json) {
        writeIndex(json);
        assertThatThrownBy(this::read).hasMessageContaining("Cannot read " + INDEX + ": expected ");
    }
}
