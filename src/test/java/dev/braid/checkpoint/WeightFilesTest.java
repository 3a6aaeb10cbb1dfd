package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A state dict in shards, in a file of another name, and under other names. */
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

    /** As a whole, or layer by layer. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "_orig_mod.$0",
                "$1_orig_mod.$2",
                "module.$0",
                "module._orig_mod.$0",
                "_fsdp_wrapped_module.$1_fsdp_wrapped_module._checkpoint_wrapped_module.$2"
            })
    void aWrappedModuleIsReadUnderItsOwnNames(String wrapped) throws IOException {
        delete(INDEX);
        List<String> names = model.tensors().names();
        model.tensors().rename(name -> name.replaceFirst("^(.*layers\\.\\d+\\.)?(.*)$", wrapped));
        assertThat(model.tensors().names()).doesNotContainAnyElementsOf(names.subList(4, names.size()));
        Inspection inspection = model.inspect();
        assertThat(floats(inspection.checkpoint())).isDeepEqualTo(floats(whole));
        assertThat(inspection.tensors()).extracting(PlacedTensor::name).containsExactlyInAnyOrderElementsOf(names);
        assertThat(inspection.reading().removed()).isNotEmpty().allMatch(wrapped::contains);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"transformer_encoder", "module.transformer_encoder", "module.transformer_encoder._orig_mod"})
    void prefixesInTheConfigMayHaveTheWrappers(String prefix) throws IOException {
        delete(INDEX);
        model.tensors().rename(name -> "module." + name.replace("encoder.", "encoder._orig_mod."));
        model.with(", \"tensor_prefixes\": {\"encoder\": \"" + prefix
                + "\", \"text\": \"module.textual_extractor.model_net\"}");
        assertThat(floats(model.read())).isDeepEqualTo(floats(whole));
    }

    @Test
    void namesThatWouldBeOneAreReported() throws IOException {
        delete(INDEX);
        String bias = second.get(second.size() - 1);
        model.tensors().random("_orig_mod." + bias, 8);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot place tensor '_orig_mod." + bias
                        + "' from model.safetensors: expected only" + " tensors of the model");
    }

    @Test
    void anAveragedModelIsReadWithoutItsCounter() throws IOException {
        delete(INDEX);
        model.tensors().rename(name -> "module." + name);
        model.tensors().tensor("n_averaged", DType.I64, new byte[8]);
        assertThat(floats(model.read())).isDeepEqualTo(floats(whole));
    }

    @Test
    void gammaAndBetaAreRead() throws IOException {
        delete(INDEX);
        model.tensors()
                .rename(name -> name.replaceFirst("(norm\\d)\\.weight", "$1.gamma")
                        .replaceFirst("(norm\\d)\\.bias", "$1.beta"));
        Inspection inspection = model.inspect();
        assertThat(floats(inspection.checkpoint())).isDeepEqualTo(floats(whole));
        assertThat(inspection.reading().renamedNorms()).isEqualTo(4);
    }

    /** Both layers are one module, as are all of ALBERT. */
    @Test
    void layersThatShareTheirTensorsAreReadOnce() throws IOException {
        delete(INDEX);
        for (String name : model.tensors().names()) {
            if (name.contains("layers.1.")) {
                model.tensors().share(name, name.replace("layers.1.", "layers.0."));
            }
        }
        Inspection inspection = model.inspect();
        List<LayerWeights> layers =
                inspection.checkpoint().weights().stacks().get(0).layers();
        assertThat(layers.get(1).attentions().get(0).query().weight())
                .isSameAs(layers.get(0).attentions().get(0).query().weight());
        assertThat(layers.get(1).feedForward().norm().bias())
                .isSameAs(layers.get(0).feedForward().norm().bias());
        assertThat(inspection.unused()).isEmpty();
        assertThat(inspection.reading().file()).isEqualTo("model.safetensors");
        assertThat(inspection.reading().aliases())
                .hasSize(12)
                .containsEntry(
                        "transformer_encoder.layers.1.linear1.weight", "transformer_encoder.layers.0.linear1.weight");
    }

    /** A module that keeps its encoder and, compiled, once more: the stored names are not those of the config. */
    @ParameterizedTest
    @ValueSource(strings = {"", ", \"tensor_prefixes\": {\"encoder\": \"transformer_encoder\"}"})
    void anEncoderUnderTwoNamesIsOne(String prefixes) throws IOException {
        delete(INDEX);
        for (String name : model.tensors().names()) {
            if (name.startsWith("transformer_encoder.")) {
                String compiled = name.replace("transformer_encoder.", "compiled._orig_mod.");
                model.tensors().rename(other -> other.equals(name) ? compiled : other);
                model.tensors().share(name, compiled);
            }
        }
        Inspection inspection = model.with(prefixes).inspect();
        assertThat(floats(inspection.checkpoint())).isDeepEqualTo(floats(whole));
        assertThat(inspection.reading().aliases()).hasSize(prefixes.isEmpty() ? 0 : 24);
    }

    /** As huggingface_hub writes it. */
    @Test
    void anIndexHasSharedTensorsToo() throws IOException {
        String shared = second.get(second.size() - 1);
        List<String> rest = second.subList(0, second.size() - 1);
        model.tensors().only(rest).write(path.resolve(SECOND));
        String kept = second.get(second.size() - 3);
        writeIndex(first.stream().collect(Collectors.toMap(name -> name, name -> FIRST)), rest);
        String index = Files.readString(path.resolve(INDEX));
        writeIndex(index.replace("\"total_size\": 1", "\"total_size\": 1, \"" + shared + "\": \"" + kept + "\""));
        Checkpoint read = read();
        assertThat(read.weights()
                        .stacks()
                        .get(0)
                        .layers()
                        .get(1)
                        .feedForward()
                        .norm()
                        .bias()
                        .name())
                .isEqualTo(kept);
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.fp16.safetensors", "model-ema.safetensors"})
    void theOnlyFileOfAnotherNameIsRead(String name) throws IOException {
        delete(INDEX);
        delete(FIRST);
        delete(SECOND);
        model.tensors().write(path.resolve(name));
        Files.copy(path.resolve(name), path.resolve("golden.safetensors"));
        Inspection inspection = Inspection.read(path.toString(), new Configuration());
        assertThat(floats(inspection.checkpoint())).isDeepEqualTo(floats(whole));
        assertThat(inspection.reading().file()).isEqualTo(name);
        assertThat(ModelDigest.of(path.toString(), new Configuration()).sha256())
                .hasSize(64);
    }

    @Test
    void anIndexOfAnotherNameIsRead() throws IOException {
        Files.move(path.resolve(INDEX), path.resolve("model.safetensors.index.fp16.json"));
        assertThat(floats(read())).isDeepEqualTo(floats(whole));
        ModelDigest digest = ModelDigest.of(path.toString(), new Configuration());
        Files.writeString(path.resolve("model.safetensors.index.fp16.json"), " ", StandardOpenOption.APPEND);
        assertThat(digest.changes()).containsExactly("'model.safetensors.index.fp16.json'");
    }

    @Test
    void adaptersAreMergedFirst() throws IOException {
        delete(INDEX);
        String layer = "transformer_encoder.layers.0.self_attn.";
        model.tensors().random(layer + "out_proj.lora_A.default.weight", 2, 8);
        model.tensors()
                .rename(name -> name.replace("0.self_attn.out_proj.weight", "0.self_attn.out_proj.base_layer.weight"));
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot use tensor '" + layer + "out_proj.lora_A.default.weight' from"
                        + " model.safetensors: expected weights with their adapters merged, got a LoRA adapter; merge it,"
                        + " model = model.merge_and_unload() in peft, and save that model");
        Files.createFile(path.resolve("adapter_config.json"));
        assertThatThrownBy(model::read)
                .hasMessage(
                        "Cannot read model '" + path + "':\n  Cannot read model.safetensors: expected a whole model,"
                                + " got an adapter next to it or alone (adapter_config.json); merge it, model ="
                                + " model.merge_and_unload() in peft, and save that model in a directory without it");
    }

    @Test
    void anAdapterAloneIsNoModel() throws IOException {
        delete(INDEX);
        delete(FIRST);
        delete(SECOND);
        new SafetensorsWriter()
                .random("base_model.model.layers.0.self_attn.out_proj.lora_A.weight", 2, 8)
                .write(path.resolve("adapter_model.safetensors"));
        assertThatThrownBy(this::read)
                .hasMessageContaining("from adapter_model.safetensors: expected weights with their"
                        + " adapters merged, got a LoRA adapter; merge it");
    }

    /** Of a tower that the encoder does not need. */
    @Test
    void adaptersOfOtherPartsDoNotMatter() {
        ModelDirectory flava = ModelDirectory.golden("flava", path);
        int parameters = (int) flava.read().parameters();
        flava.tensors().random("text_model.encoder.layer.0.attention.attention.query.lora_A.default.weight", 2, 10);
        assertThat(flava.read().parameters()).isEqualTo(parameters);
        flava.tensors().random("multimodal_model.encoder.layer.0.attention.attention.query.lora_A.weight", 2, 24);
        assertThatThrownBy(flava::read).hasMessageContaining("got a LoRA adapter; merge it");
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
                .hasMessageContaining("Cannot read " + FIRST + ": expected it next to model.safetensors.index.json");
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
                "Cannot read the shard of 'x' in " + INDEX + ": expected the name of a file next to it, got '"
                        + name.replace("\\\\", "\\") + "'",
                "Cannot read the shard of 'y' in " + INDEX + ": expected the name of a file next to it, got 3");
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
