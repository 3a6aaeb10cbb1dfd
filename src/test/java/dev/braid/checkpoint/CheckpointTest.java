package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CheckpointTest {
    private static final String OWN = ", \"attention_output_projection\": false";
    private static final String QUERY_NAMES =
            "'layers.0.self_attn.in_proj_weight' or 'layers.0.self_attention.query_proj.weight' or"
                    + " 'layers.0.self_attn.q_proj.weight' or 'mm_encoder.encoder.layer.0.attention.query.weight'";

    static final List<String> LAYER_BIASES = List.of(
            "self_attn.in_proj_bias",
            "self_attn.out_proj.bias",
            "linear1.bias",
            "linear2.bias",
            "norm1.bias",
            "norm2.bias");

    @TempDir
    Path path;

    private ModelDirectory model;

    @BeforeEach
    void makeModel() {
        model = ModelDirectory.seed(path);
    }

    private void assertProblems(ThrowingCallable reading, String... problems) {
        assertThatThrownBy(reading)
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + path + "':\n  " + String.join("\n  ", problems));
    }

    private void assertProblems(String... problems) {
        assertProblems(model::read, problems);
    }

    private ThrowingCallable readingOf(String directory) {
        return () -> Checkpoint.read(directory, new Configuration());
    }

    private static String load(String tensor) {
        return "Cannot load tensor '" + tensor + "' from model.safetensors: expected ";
    }

    private static String place(String tensor) {
        return "Cannot place tensor '" + tensor + "' from model.safetensors: expected ";
    }

    @Test
    void theSeedModuleIsReadWithQueryKeyAndValueApart() throws IOException {
        Checkpoint checkpoint =
                model.with(", \"layer_norm_eps\": 0.5, \"pooling\": \"max\"").read();
        assertThat(checkpoint.config())
                .isEqualTo(ModelConfig.singleStream(
                        List.of(new ModalityConfig("visual", 6), new ModalityConfig("text", 9)),
                        false,
                        2,
                        new LayerConfig(8, 2, 12, Activation.RELU, false, 0.5f, true),
                        Pooling.MAX));
        assertThat(checkpoint.config().stacks().get(0).layer().headSize()).isEqualTo(4);
        LayerWeights layer = checkpoint.weights().stacks().get(0).layers().get(1);
        String name = "transformer_encoder.layers.1.self_attn.in_proj_";
        float[] weight;
        float[] bias;
        try (SafetensorsFile file = SafetensorsFile.open(
                new org.apache.hadoop.fs.Path(path.resolve("model.safetensors").toUri()), new Configuration(false))) {
            weight = StoredFloats.of(file.read(name + "weight"));
            bias = StoredFloats.of(file.read(name + "bias"));
        }
        List<LinearWeights> parts = List.of(
                layer.attentions().get(0).query(),
                layer.attentions().get(0).key(),
                layer.attentions().get(0).value());
        for (int i = 0; i < 3; i++) {
            assertThat(parts.get(i).weight().shape()).isEqualTo(Shape.of(8, 8));
            assertThat(parts.get(i).weight().name()).isEqualTo(name + "weight[" + 8 * i + ":" + 8 * (i + 1) + "]");
            assertThat(StoredFloats.of(parts.get(i).weight()))
                    .isEqualTo(Arrays.copyOfRange(weight, 64 * i, 64 * (i + 1)));
            assertThat(StoredFloats.of(parts.get(i).bias())).isEqualTo(Arrays.copyOfRange(bias, 8 * i, 8 * (i + 1)));
        }
        assertThat(layer.feedForward().linear1().weight().name())
                .isEqualTo("transformer_encoder.layers.1.linear1.weight");
        assertThat(layer.feedForward().norm().bias().name()).isEqualTo("transformer_encoder.layers.1.norm2.bias");
        assertThat(checkpoint
                        .weights()
                        .modalities()
                        .get(1)
                        .projection()
                        .linear()
                        .weight()
                        .name())
                .isEqualTo("textual_extractor.model_net.weight");
        long parameters = 8 * 7 + 8 * 10 + 2 * (24 * 9 + 8 * 9 + 12 * 9 + 8 * 13 + 4 * 8);
        assertThat(checkpoint.parameters()).isEqualTo(parameters);
        assertThat(checkpoint.bytes()).isEqualTo(4 * parameters);
    }

    @Test
    void anyPrefixOfTheEncoderIsRecognised() {
        model = new ModelDirectory(path);
        model.projections();
        model.torchLayer("a.layers.7.b.layers.0.");
        model.torchLayer("a.layers.7.b.layers.1.");
        assertThat(model.read().weights().stacks().get(0).layers()).hasSize(2);
    }

    @Test
    void theSeedsOwnLayerIsReadUnderEverySpelling() {
        for (String attention : new String[] {"self_attention", "self_attntion"}) {
            for (String key : new String[] {"key_proj", "ke_proj"}) {
                model = new ModelDirectory(path);
                model.projections();
                model.ownLayer("encoder.layers.0.", attention, key);
                model.ownLayer("encoder.layers.1.", attention, key);
                LayerWeights layer = model.with(OWN)
                        .read()
                        .weights()
                        .stacks()
                        .get(0)
                        .layers()
                        .get(1);
                assertThat(layer.attentions().get(0).key().weight().name())
                        .isEqualTo("encoder.layers.1." + attention + "." + key + ".weight");
                assertThat(layer.attentions().get(0).output()).isNull();
            }
        }
    }

    @Test
    void oneLayerMayStandWithoutANumber() {
        model = new ModelDirectory(path);
        model.projections();
        model.ownLayer("transformer_encoder.", "self_attention", "key_proj");
        assertProblems(
                model.with(OWN)::read,
                "Cannot load the encoder from model.safetensors: expected 2 layers (num_hidden_layers in config.json),"
                        + " got 1 without a number");
        String one =
                ModelDirectory.CONFIG.formatted(OWN).replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
        assertThat(model.config(one).read().config().stacks().get(0).layer().intermediateSize())
                .isEqualTo(32);
    }

    @Test
    void layersMayBeWithoutBiasesAndAProjectionToo() {
        for (int i = 0; i < 2; i++) {
            for (String bias : LAYER_BIASES) {
                model.tensors().without("transformer_encoder.layers." + i + "." + bias);
            }
        }
        model.tensors().without("visual_extractor.model_net.bias");
        model.norm("transformer_encoder.norm");
        ModelWeights weights = model.read().weights();
        assertThat(weights.stacks().get(0).layers()).allSatisfy(layer -> {
            assertThat(layer.attentions().get(0).query().bias()).isNull();
            assertThat(layer.attentions().get(0).value().bias()).isNull();
            assertThat(layer.attentions().get(0).output().bias()).isNull();
            assertThat(layer.feedForward().linear2().bias()).isNull();
            assertThat(layer.attentions().get(0).norm().bias()).isNull();
        });
        assertThat(weights.modalities().get(0).projection().linear().bias()).isNull();
        assertThat(weights.stacks().get(0).finalNorm().bias()).isNotNull();
    }

    @ParameterizedTest
    @MethodSource("layerBiases")
    void aBiasThatIsMissingAmongOthersIsReported(String bias) {
        String lost = "transformer_encoder.layers.1." + bias;
        model.tensors().without(lost);
        assertThatThrownBy(model::read)
                .hasMessageContaining(load(lost))
                .hasMessageEndingWith("got no such tensor; other biases of the layers are stored")
                .hasMessageMatching("[^\n]*\n[^\n]*");
    }

    static List<String> layerBiases() {
        return LAYER_BIASES;
    }

    /** Where each Linear has a flag of its own, the layers still agree. */
    @Test
    void aPartOfTheSeedsOwnLayerHasABiasInEveryLayerOrInNone() {
        model = new ModelDirectory(path);
        model.projections();
        for (int i = 0; i < 2; i++) {
            model.ownLayer("layers." + i + ".", "self_attention", "key_proj");
            model.tensors().without("layers." + i + ".self_attention.query_proj.bias");
        }
        model.with(", \"attention_output_projection\": false");
        LayerWeights layer = model.read().weights().stacks().get(0).layers().get(1);
        assertThat(layer.attentions().get(0).query().bias()).isNull();
        assertThat(layer.attentions().get(0).key().bias()).isNotNull();
        String lost = "layers.0.self_attention.key_proj.bias";
        model.tensors().without(lost);
        assertProblems(load(lost)
                + "[8] (hidden_size in config.json), got no such tensor; other biases of the layers are stored");
    }

    @Test
    void aModalityOfTheHiddenSizeMayEnterAsItIs() {
        model = new ModelDirectory(path);
        model.torchLayer("layers.0.");
        model.torchLayer("layers.1.");
        String asItIs = ModelDirectory.CONFIG.formatted("").replace("_size\": 6", "_size\": 8");
        assertProblems(
                model.config(asItIs)::read,
                load("textual_extractor.model_net.weight")
                        + "[8, 9] (hidden_size and feature_size of 'text' in config.json), got no such tensor; say where"
                        + " it is in tensor_prefixes.text");
        assertThat(model.config(asItIs.replace("_size\": 9", "_size\": 8"))
                        .read()
                        .weights()
                        .modalities())
                .containsExactly(ModalityWeights.of(null), ModalityWeights.of(null));
        assertProblems(
                model.config(asItIs.replace("_size\": 9", "_size\": 8")
                        .replace("\": 2}", "\": 2, \"tensor_prefixes\": {\"text\": \"t\"}}"))::read,
                load("t.weight")
                        + "[8, 8] (hidden_size and feature_size of 'text' in config.json), got no such tensor");
    }

    @Test
    void oneOfSeveralEncodersIsChosenByItsPrefix() {
        model.torchLayer("decoder.layers.0.");
        assertProblems("Cannot find the encoder in model.safetensors: expected one, got 2"
                + " ('transformer_encoder.layers.0.self_attn.in_proj_weight', 'decoder.layers.0.self_attn.in_proj_weight');"
                + " say which in tensor_prefixes.encoder");
        model.with(", \"tensor_prefixes\": {\"encoder\": \"transformer_encoder\"}");
        assertThatThrownBy(model::read)
                .hasMessageContaining(place("decoder.layers.0.linear1.bias")
                        + "only tensors of the model in config.json, got F32 [12]");
    }

    @Test
    void anEncoderThatIsNotThereIsReported() {
        assertProblems(
                model.with(", \"tensor_prefixes\": {\"encoder\": \"encoder\"}")::read,
                "Cannot find the encoder in model.safetensors: expected tensors such as " + QUERY_NAMES
                        + " under 'encoder' (tensor_prefixes.encoder in config.json), got none");
        model = new ModelDirectory(path);
        model.projections();
        assertProblems("Cannot find the encoder in model.safetensors: expected tensors such as " + QUERY_NAMES
                + " with any prefix, got none");
    }

    @Test
    void missingUnusedAndWronglyShapedTensorsAreReportedTogetherWithTheConfigsProblems() {
        String layer = "transformer_encoder.layers.";
        model.tensors()
                .without(layer + "0.linear1.bias")
                .random(layer + "0.linear1.biass", 12)
                .without(layer + "1.linear2.weight")
                .random(layer + "1.linear2.w", 8, 12)
                .without(layer + "1.norm1.weight")
                .random(layer + "1.self_attn.out_proj.weight", 8, 9)
                .random(layer + "1.norm2.bias")
                .tensor(layer + "0.norm1.weight", DType.I8, new byte[8], 8)
                .random("visual_extractor.model_net.weight", 6, 8)
                .random("head.weight", 3, 8);
        model.with(", \"pooling\": \"sum\"");
        assertProblems(
                "Cannot read 'pooling' in config.json: expected one of none, cls, mean, max, last, pooler, got 'sum'",
                load("visual_extractor.model_net.weight")
                        + "[8, 6] (hidden_size and feature_size of 'visual' in config.json), got [6, 8]",
                load(layer + "0.norm1.weight") + "F32, F16, BF16 or F64, got I8",
                load(layer + "0.linear1.bias") + "[12] (rows of '" + layer
                        + "0.linear1.weight' and hidden_size in config.json), got no such tensor; '" + layer
                        + "0.linear1.biass' has its shape",
                load(layer + "1.self_attn.out_proj.weight") + "[8, 8] (hidden_size in config.json), got [8, 9]",
                load(layer + "1.norm1.weight") + "[8] (hidden_size in config.json), got no such tensor",
                load(layer + "1.linear2.weight") + "[8, 12] (rows of '" + layer
                        + "0.linear1.weight' and hidden_size in config.json), got no such tensor; '"
                        + layer + "1.linear2.w' has its shape",
                load(layer + "1.norm2.bias") + "[8] (hidden_size in config.json), got []",
                place(layer + "0.linear1.biass") + "only tensors of the model in config.json, got F32 [12]",
                place(layer + "1.linear2.w") + "only tensors of the model in config.json, got F32 [8, 12]",
                place("head.weight") + "only tensors of the model in config.json, got F32 [3, 8]");
    }

    @Test
    void aBrokenHeaderIsReportedTogetherWithTheConfigsProblems() throws IOException {
        model.with(", \"norm_first\": 1");
        assertThatThrownBy(model::read).isInstanceOf(InputException.class);
        Files.deleteIfExists(path.resolve(".model.safetensors.crc"));
        SafetensorsWriter.write(path.resolve("model.safetensors"), new byte[3]);
        assertProblems(
                readingOf(path.toString()),
                "Cannot read 'norm_first' in config.json: expected true or false, got 1",
                "Cannot read model.safetensors: expected at least 8 bytes (the length of a header), got 3"
                        + "; the file may be cut short: copy it again");
    }

    @Test
    void aHiddenSizeThatIsNotTheWeightsIsNamedAsTheSource() {
        model.config(ModelDirectory.CONFIG.formatted("").replace("\"hidden_size\": 8", "\"hidden_size\": 4"));
        assertThatThrownBy(model::read)
                .hasMessageContaining(load("transformer_encoder.layers.0.self_attn.in_proj_weight")
                        + "[12, 4] (hidden_size in config.json), got [24, 8]");
    }

    @Test
    void sizesBeyondAnyTensorAreReportedAsOthersAre() {
        String large = "\"hidden_size\": 2147483646";
        model.config(ModelDirectory.CONFIG.formatted("").replace("\"hidden_size\": 8", large));
        assertThatThrownBy(model::read)
                .isInstanceOf(InputException.class)
                .hasMessageContaining(load("transformer_encoder.layers.0.self_attn.in_proj_weight")
                        + "[6442450938, 2147483646] (hidden_size in config.json), got [24, 8]");
    }

    @Test
    void theIntermediateSizeMustBeTheWeightsOwn() {
        assertThat(model.with(", \"intermediate_size\": 12")
                        .read()
                        .config()
                        .stacks()
                        .get(0)
                        .layer()
                        .intermediateSize())
                .isEqualTo(12);
        assertProblems(
                model.with(", \"intermediate_size\": 13")::read,
                "Cannot use 'intermediate_size' in config.json: expected 12 (rows of"
                        + " 'transformer_encoder.layers.0.linear1.weight'), got 13");
        model.tensors().random("transformer_encoder.layers.1.linear1.weight", 13, 8);
        assertProblems(
                model.with("")::read,
                load("transformer_encoder.layers.1.linear1.weight")
                        + "[12, 8] (rows of 'transformer_encoder.layers.0.linear1.weight' and hidden_size in config.json),"
                        + " got [13, 8]");
    }

    @Test
    void anIntermediateSizeThatCannotBeReadIsOneProblem() {
        String layer = "transformer_encoder.layers.";
        model.tensors().without(layer + "0.linear1.weight").without(layer + "1.linear1.weight");
        assertProblems("Cannot read the intermediate size from tensor '" + layer
                + "0.linear1.weight' of model.safetensors: expected [intermediate size, 8], got no such tensor");
        model.tensors().random(layer + "0.linear1.weight", 0, 8).random(layer + "1.linear1.weight", 12);
        assertProblems("Cannot read the intermediate size from tensor '" + layer
                + "0.linear1.weight' of model.safetensors: expected [intermediate size, 8], got [0, 8]");
    }

    @Test
    void anotherNumberOfLayersIsOneProblem() {
        model.torchLayer("transformer_encoder.layers.10.");
        assertProblems("Cannot load the encoder from model.safetensors: expected 2 layers (num_hidden_layers in"
                + " config.json), got 3 ('transformer_encoder.layers.{i}' with i = 0, 1, 10)");
        String many = ModelDirectory.CONFIG.formatted("").replace("layers\": 2", "layers\": 2147483647");
        assertProblems(
                ModelDirectory.seed(path).config(many)::read,
                "Cannot load the encoder from model.safetensors: expected 2147483647 layers (num_hidden_layers in"
                        + " config.json), got 2 ('transformer_encoder.layers.{i}' with i = 0, 1)");
        model = new ModelDirectory(path);
        model.projections();
        model.torchLayer("layers.3.");
        assertProblems("Cannot load the encoder from model.safetensors: expected 2 layers (num_hidden_layers in"
                + " config.json), got 1 ('layers.{i}' with i = 3)");
    }

    @Test
    void anOutputProjectionMustBeWhatTheConfigSays() {
        String layer = "transformer_encoder.layers.0.";
        assertThatThrownBy(model.with(OWN)::read)
                .hasMessageContaining(place(layer + "self_attn.out_proj.weight")
                        + "none (attention_output_projection in config.json is false), got F32 [8, 8]")
                .hasMessageNotContaining("only tensors");
        model = new ModelDirectory(path);
        model.projections();
        model.ownLayer(layer, "self_attention", "key_proj");
        model.ownLayer("transformer_encoder.layers.1.", "self_attention", "key_proj");
        assertThatThrownBy(model::read)
                .hasMessageContaining(load(layer + "self_attention.out_proj.weight")
                        + "[8, 8] (hidden_size in config.json), got no such tensor; set attention_output_projection to"
                        + " false where the model has none");
    }

    @Test
    void everyTensorWithAValueThatIsNotFiniteIsReported() {
        float[] bias = new float[24];
        bias[17] = Float.NaN;
        String layer = "transformer_encoder.layers.0.";
        model.tensors().floats(layer + "self_attn.in_proj_bias", bias, 24);
        model.tensors().floats(layer + "norm1.bias", new float[] {0, 0, Float.POSITIVE_INFINITY, 0, 0, 0, 0, 0}, 8);
        model.tensors()
                .tensor(
                        layer + "norm2.bias",
                        DType.F64,
                        ByteBuffer.allocate(64).putLong(0, 0x7eL).array(),
                        8);
        assertProblems(
                load(layer + "self_attn.in_proj_bias[16:24]") + "finite float32 values, got NaN at [1]",
                load(layer + "norm1.bias") + "finite float32 values, got Infinity at [2]",
                load(layer + "norm2.bias") + "finite float32 values, got Infinity at [0]");
    }

    @Test
    void aDirectoryThatIsNoneIsRefused() throws IOException {
        String expected = "': expected a directory with config.json and model.safetensors, got ";
        assertThatThrownBy(readingOf(path + "/none"))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + path + "/none" + expected + "nothing there; check the path");
        Path file = Files.createFile(path.resolve("file"));
        assertThatThrownBy(readingOf(file.toString()))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read model '" + file + expected + "a file; give the directory that holds it");
    }

    @Test
    void aPathThatHadoopCannotOpenIsRefused() {
        Stream.of("", "nosuch://x/y", "hdfs:///x", "s3a://bucket/x", "a:b:c")
                .forEach(directory -> assertThatThrownBy(readingOf(directory))
                        .as(directory)
                        .isInstanceOf(InputException.class)
                        .hasMessageStartingWith(
                                "Cannot read model '" + directory + "': expected a path that Hadoop can open, got "));
    }

    @Test
    void missingFilesAreReportedTogether() throws IOException {
        String noConfig = "Cannot read config.json: expected model_type, modalities, hidden_size, num_hidden_layers,"
                + " num_attention_heads, norm_first, hidden_act and layer_norm_eps, got no such file; write one (a state"
                + " dict does not record heads, norm_first, activation or eps)";
        String noWeights = "Cannot read model.safetensors: expected the state dict in it, in the shards of"
                + " model.safetensors.index.json or in the only other .safetensors file, got ";
        assertProblems(readingOf(path.toString()), noConfig, noWeights + "no such file");
        Files.createFile(path.resolve("pytorch_model.bin"));
        assertProblems(
                readingOf(path.toString()),
                noConfig,
                noWeights + "'pytorch_model.bin'; convert it in its directory with "
                        + ConversionCommand.of(List.of("pytorch_model.bin")));
    }

    @Test
    void aConfigOfUnlikelySizeIsRefused() {
        assertProblems(
                model.config(" ".repeat((1 << 20) + 1))::read,
                "Cannot read config.json: expected at most 1048576 bytes, got more");
    }

    @Test
    void poolingIsParsedAndReplaced() {
        assertThat(Pooling.parse("cls")).contains(Pooling.CLS);
        assertThat(Pooling.parse("Mean")).isEmpty();
        assertThat(model.read().config().withPooling(Pooling.CLS).pooling()).isEqualTo(Pooling.CLS);
    }

    @Test
    void aUriAndARelativePathAreReadAlike() {
        model.read();
        Configuration hadoop = new Configuration();
        assertThat(Checkpoint.read(path.toUri().toString(), hadoop).parameters())
                .isPositive();
        Path relative = Path.of("").toAbsolutePath().relativize(path.toAbsolutePath());
        assertThat(Checkpoint.read(relative.toString(), hadoop).parameters()).isPositive();
    }
}
