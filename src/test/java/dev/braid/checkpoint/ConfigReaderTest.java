package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Activation;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigReaderTest {
    private static final String MODEL_TYPES =
            "one of fusion_encoder, vector_fusion, flava, vilt, visual_bert, uniter, lxmert";

    private final List<String> problems = new ArrayList<>();

    private Optional<WrittenConfig> read(String json) {
        return read(json, problems);
    }

    /** Reads the config of a checkpoint. */
    static Optional<WrittenConfig> read(String json, List<String> problems) {
        return ConfigReader.parse(json.getBytes(StandardCharsets.UTF_8), CheckpointReader.CONFIG, problems)
                .flatMap(root -> ConfigReader.read(root, problems));
    }

    private static String modalities(String list) {
        return """
                {"model_type": "fusion_encoder", "modalities": %s, "hidden_size": 8, "num_hidden_layers": 2,
                 "num_attention_heads": 2}
                """.formatted(list);
    }

    private static String replaced(String key, String value) {
        String json = ModelDirectory.CONFIG
                .formatted("")
                .replaceFirst("\"" + key + "\": [^,}\\s]+", "\"" + key + "\": " + value);
        assertThat(json).contains("\"" + key + "\": " + value);
        return json;
    }

    @Test
    void absentKeysAreLeftToTheWeights() {
        assertThat(read(ModelDirectory.CONFIG.formatted("")))
                .hasValue(new WrittenConfig(
                        null,
                        List.of(new ModalityConfig("visual", 6), new ModalityConfig("text", 9)),
                        8,
                        2,
                        new WrittenLayer(2, null, null, null, null, null, null),
                        PositionConfig.NONE,
                        Map.of(),
                        null,
                        Map.of(),
                        null));
        assertThat(problems).isEmpty();
    }

    @Test
    void everyKeyIsRead() {
        String keys = """
                , "intermediate_size": 12, "hidden_act": "gelu_new", "layer_norm_eps": 1e-12, "norm_first": true,
                "final_layer_norm": true, "cls_token": false, "modality_embeddings": true,
                "position_embeddings": true, "embedding_layer_norm": true, "attention_output_projection": false,
                "pooling": "pooler", "tensor_prefixes": {"text": "t.u", "encoder": ""}
                """;
        WrittenConfig config = read(ModelDirectory.CONFIG.formatted(keys)).orElseThrow();
        assertThat(problems).isEmpty();
        assertThat(config.layer().intermediateSize()).isEqualTo(12);
        assertThat(config.layer().activation()).isEqualTo(Activation.GELU_TANH);
        assertThat(config.layer().normFirst()).isTrue();
        assertThat(config.layer().layerNormEps()).isEqualTo(1e-12f);
        assertThat(config.parts())
                .isEqualTo(Map.of(
                        OptionalPart.FINAL_LAYER_NORM, true,
                        OptionalPart.CLS_TOKEN, false,
                        OptionalPart.MODALITY_EMBEDDINGS, true,
                        OptionalPart.POSITION_EMBEDDINGS, true,
                        OptionalPart.CONCATENATED_POSITION_EMBEDDINGS, false,
                        OptionalPart.EMBEDDING_LAYER_NORM, true,
                        OptionalPart.ATTENTION_OUTPUT_PROJECTION, false));
        assertThat(config.pooling()).isEqualTo(Pooling.POOLER);
        assertThat(config.tensorPrefixes()).isEqualTo(Map.of("text", "t.u", "encoder", ""));
    }

    @Test
    void everyKeyOfLaterEncodersIsRead() {
        String keys = """
                , "norm_type": "rms_norm", "hidden_act": "silu", "gated_feed_forward": true, "num_key_value_heads": 1,
                "rotary_embeddings": "interleaved", "rope_theta": 500, "position_embeddings": "sinusoidal_concatenated",
                "max_position_embeddings": 77
                """;
        WrittenConfig config = read(ModelDirectory.CONFIG.formatted(keys)).orElseThrow();
        assertThat(problems).isEmpty();
        assertThat(config.layer())
                .isEqualTo(new WrittenLayer(2, 1, null, Activation.SILU, null, NormType.RMS_NORM, null));
        assertThat(config.positions())
                .isEqualTo(new PositionConfig(
                        PositionEmbeddings.SINUSOIDAL_CONCATENATED,
                        new RotaryEmbeddings(RotaryEmbeddings.Pairs.INTERLEAVED, 500),
                        77));
        assertThat(config.parts())
                .isEqualTo(Map.of(
                        OptionalPart.GATED_FEED_FORWARD, true,
                        OptionalPart.POSITION_EMBEDDINGS, false,
                        OptionalPart.CONCATENATED_POSITION_EMBEDDINGS, false));
    }

    @Test
    void computedPositionsHaveUsualSizes() {
        String keys = ", \"rotary_embeddings\": \"half\", \"position_embeddings\": \"concatenated\"";
        WrittenConfig config = read(ModelDirectory.CONFIG.formatted(keys)).orElseThrow();
        assertThat(config.positions())
                .isEqualTo(new PositionConfig(
                        PositionEmbeddings.CONCATENATED,
                        new RotaryEmbeddings(RotaryEmbeddings.Pairs.HALF, 10_000),
                        4096));
    }

    static Stream<Arguments> brokenConfigs() {
        String size = "a whole number from 1 to 2147483647";
        String name = "a name of letters a-z, digits and underscores, not beginning with a digit";
        return Stream.of(
                Arguments.of("[]", "Cannot read config.json: expected a JSON object, got []"),
                Arguments.of("", "Cannot read config.json: expected a JSON object, got an empty file"),
                Arguments.of(replaced("model_type", "\"bert\""), bad("model_type", MODEL_TYPES, "'bert'")),
                Arguments.of(replaced("model_type", "1"), bad("model_type", MODEL_TYPES, "1")),
                Arguments.of(replaced("hidden_size", "8.0"), bad("hidden_size", size, "8.0")),
                Arguments.of(replaced("hidden_size", "-8"), bad("hidden_size", size, "-8")),
                Arguments.of(replaced("hidden_size", "0"), bad("hidden_size", size, "0")),
                Arguments.of(replaced("hidden_size", "\"8\""), bad("hidden_size", size, "'8'")),
                Arguments.of(replaced("hidden_size", "null"), bad("hidden_size", size, "null")),
                Arguments.of(replaced("hidden_size", "2147483648"), bad("hidden_size", size, "2147483648")),
                Arguments.of(
                        replaced("hidden_size", "9"), bad("hidden_size", "a multiple of 2 (num_attention_heads)", "9")),
                Arguments.of(replaced("num_hidden_layers", "true"), bad("num_hidden_layers", size, "true")),
                Arguments.of(replaced("num_attention_heads", "[2]"), bad("num_attention_heads", size, "[2]")),
                Arguments.of(keys("\"intermediate_size\": null"), bad("intermediate_size", size, "null")),
                Arguments.of(
                        keys("\"hidden_act\": \"mish\""),
                        bad("hidden_act", "one of relu, gelu, gelu_new, silu, tanh, sigmoid", "'mish'")),
                Arguments.of(keys("\"norm_type\": \"rms\""), bad("norm_type", "one of layer_norm, rms_norm", "'rms'")),
                Arguments.of(
                        keys("\"rotary_embeddings\": true"),
                        bad("rotary_embeddings", "one of half, interleaved", "true")),
                Arguments.of(
                        keys("\"rotary_embeddings\": \"half\", \"rope_theta\": -1"),
                        bad("rope_theta", "a positive float32", "-1")),
                Arguments.of(
                        keys("\"rope_theta\": 500"),
                        bad("rope_theta", "no such key without rotary_embeddings", "500.0")),
                Arguments.of(
                        keys("\"position_embeddings\": \"concatenated\", \"max_position_embeddings\": 9"),
                        bad(
                                "max_position_embeddings",
                                "no such key without rotary_embeddings or sinusoidal position_embeddings (a learned table"
                                        + " has its own size)",
                                "9")),
                Arguments.of(
                        keys("\"rotary_embeddings\": \"half\", \"max_position_embeddings\": 0"),
                        bad("max_position_embeddings", size, "0")),
                Arguments.of(keys("\"num_key_value_heads\": 0"), bad("num_key_value_heads", size, "0")),
                Arguments.of(
                        replaced("num_attention_heads", "4, \"num_key_value_heads\": 3"),
                        bad("num_key_value_heads", "a divisor of 4 (num_attention_heads)", "3")),
                Arguments.of(
                        replaced("hidden_size", "6, \"rotary_embeddings\": \"interleaved\""),
                        "Cannot use 'rotary_embeddings' in config.json: expected heads of an even size, got 3 (hidden_size"
                                + " / num_attention_heads)"),
                Arguments.of(
                        replaced("hidden_size", "9, \"position_embeddings\": \"sinusoidal\"")
                                .replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
                        "Cannot use 'position_embeddings' in config.json: expected an even hidden_size (a sine and a"
                                + " cosine per frequency), got 9"),
                Arguments.of(
                        keys("\"position_embeddings\": \"learned\""),
                        bad(
                                "position_embeddings",
                                "true, false, a list of modalities, concatenated, sinusoidal, sinusoidal_concatenated",
                                "'learned'")),
                Arguments.of(
                        keys("\"pooling\": null"), bad("pooling", "one of none, cls, mean, max, last, pooler", "null")),
                Arguments.of(keys("\"layer_norm_eps\": 0"), bad("layer_norm_eps", "a positive float32", "0")),
                Arguments.of(keys("\"layer_norm_eps\": 1e-60"), bad("layer_norm_eps", "a positive float32", "1.0E-60")),
                Arguments.of(keys("\"layer_norm_eps\": 1e60"), bad("layer_norm_eps", "a positive float32", "1.0E60")),
                Arguments.of(
                        keys("\"layer_norm_eps\": \"1e-5\""), bad("layer_norm_eps", "a positive float32", "'1e-5'")),
                Arguments.of(
                        keys("\"attention_output_projection\": 0"),
                        bad("attention_output_projection", "true or false", "0")),
                flag("norm_first"),
                flag("final_layer_norm"),
                flag("cls_token"),
                flag("modality_embeddings"),
                flag("gated_feed_forward"),
                flag("embedding_layer_norm"),
                flag("attention_output_projection"),
                Arguments.of(
                        keys("\"hiden_act\": \"relu\""),
                        "Cannot use 'hiden_act' in config.json: expected a known key, got 'hiden_act'; the nearest is"
                                + " 'hidden_act'"),
                Arguments.of(keys("\"tensor_prefixes\": []"), bad("tensor_prefixes", "an object of strings", "[]")),
                Arguments.of(keys("\"tensor_prefixes\": {\"text\": 1}"), bad("tensor_prefixes.text", "a string", "1")),
                Arguments.of(
                        keys("\"tensor_prefixes\": {\"texts\": \"x\"}"),
                        "Cannot use 'tensor_prefixes.texts' in config.json: expected a known key, got 'texts'; the"
                                + " nearest is 'text'"),
                Arguments.of(
                        modalities("[]"),
                        bad("modalities", "a list of one or more {\"name\", \"feature_size\"}", "[]")),
                Arguments.of(
                        modalities("{}"),
                        bad("modalities", "a list of one or more {\"name\", \"feature_size\"}", "{}")),
                Arguments.of(
                        modalities("[\"visual\"]"),
                        bad("modalities[0]", "an object of name and feature_size", "'visual'")),
                Arguments.of(
                        modalities("[{\"name\": \"a\", \"feature_size\": 1}, {\"name\": \"A\", \"feature_size\": 1}]"),
                        bad("modalities[1].name", "a name of its own (columns ignore case)", "'A' again")),
                Arguments.of(
                        modalities("[{\"name\": \"a b\", \"feature_size\": 1}]"),
                        bad("modalities[0].name", name, "'a b'")),
                Arguments.of(
                        modalities("[{\"name\": \"\", \"feature_size\": 1}]"), bad("modalities[0].name", name, "''")),
                Arguments.of(modalities("[{\"feature_size\": 1}]"), bad("modalities[0].name", name, "no such key")),
                Arguments.of(
                        modalities("[{\"name\": \"cls\", \"feature_size\": 1}]"),
                        bad("modalities[0].name", "a name other than those of the model's parts", "'cls'")),
                Arguments.of(
                        modalities("[{\"name\": \"a\", \"feature_size\": 1.5}]"),
                        bad("modalities[0].feature_size", size, "1.5")),
                Arguments.of(
                        modalities("[{\"name\": \"a\", \"feature_size\": 1, \"size\": 2}]"),
                        "Cannot use 'modalities[0].size' in config.json: expected a known key, got 'size'; the nearest"
                                + " is 'name'"));
    }

    private static String keys(String keys) {
        return ModelDirectory.CONFIG.formatted(", " + keys);
    }

    private static Arguments flag(String key) {
        return Arguments.of(keys("\"" + key + "\": 0"), bad(key, "true or false", "0"));
    }

    private static String bad(String key, String expected, String got) {
        return "Cannot read '" + key + "' in config.json: expected " + expected + ", got " + got;
    }

    @ParameterizedTest
    @MethodSource("brokenConfigs")
    void aBrokenConfigIsReportedKeyByKey(String json, String problem) {
        read(json);
        assertThat(problems).containsExactly(problem);
    }

    @Test
    void brokenJsonIsReportedWithItsPlace() {
        for (String json :
                new String[] {"{", "{\"a\": 1,}", "{} {}", "{\"a\": 1, \"a\": 2}", "{\"a\": NaN}", "{'a': 1}", "x"}) {
            problems.clear();
            assertThat(read(json)).isEmpty();
            assertThat(problems).as(json).hasSize(1);
            assertThat(problems.get(0))
                    .startsWith("Cannot read config.json: expected JSON, got an error in line 1, column ");
        }
    }

    @Test
    void nestingWithoutEndIsReported() {
        assertThat(read("{\"a\":" + "[".repeat(100_000))).isEmpty();
        assertThat(problems).hasSize(1);
    }

    @Test
    void allProblemsOfAConfigAreReportedTogether() {
        read("{\"hidden_size\": 0, \"pooling\": \"sum\", \"hidden_sizes\": 1}");
        assertThat(problems)
                .containsExactly(
                        bad("model_type", MODEL_TYPES, "no such key"),
                        "Cannot use 'hidden_sizes' in config.json: expected a known key, got 'hidden_sizes'; the nearest is"
                                + " 'hidden_size'",
                        bad("hidden_size", "a whole number from 1 to 2147483647", "0"),
                        bad("modalities", "a list of one or more {\"name\", \"feature_size\"}", "no such key"),
                        bad("num_hidden_layers", "a whole number from 1 to 2147483647", "no such key"),
                        bad("num_attention_heads", "a whole number from 1 to 2147483647", "no such key"),
                        bad("pooling", "one of none, cls, mean, max, last, pooler", "'sum'"));
    }
}
