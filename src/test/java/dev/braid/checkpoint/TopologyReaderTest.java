package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopologyReaderTest {
    private static final String CONFIG = """
            {"model_type": "fusion_encoder",
             "modalities": [{"name": "visual", "feature_size": 6}, {"name": "text", "feature_size": 9}],
             "hidden_size": 8, "num_attention_heads": 2,
             "streams": [{"name": "text", "modalities": ["text"]},
                         {"name": "image", "modalities": ["visual"], "learned_tokens": 3, "tensor": "image_tokens"},
                         {"name": "both", "join": ["text", "image"]}],
             "stacks": [{"kind": "decoder", "stream": "text", "memory": "image", "prefix": "decoder",
                         "num_hidden_layers": 2, "hidden_act": "gelu"}],
             "output": ["both"]}
            """;

    @TempDir
    private Path path;

    private static List<String> problems(String json) {
        List<String> problems = new ArrayList<>();
        ConfigReader.read(json.getBytes(StandardCharsets.UTF_8), problems);
        return problems;
    }

    @Test
    void streamsAndStacksAreRead() {
        List<String> problems = new ArrayList<>();
        WrittenConfig.Topology topology = ConfigReader.read(CONFIG.getBytes(StandardCharsets.UTF_8), problems)
                .orElseThrow()
                .topology();
        assertThat(problems).isEmpty();
        assertThat(topology.streams().get(1))
                .isEqualTo(new WrittenStream(new StreamConfig("image", 8, 3, List.of(0), List.of()), "image_tokens"));
        assertThat(topology.streams().get(2).config().joined()).containsExactly(0, 1);
        assertThat(topology.stacks())
                .containsExactly(new WrittenStack(
                        "stacks[0].",
                        StackConfig.Kind.DECODER,
                        0,
                        1,
                        2,
                        new WrittenLayer(2, null, null, Activation.GELU, null, null, null),
                        "decoder"));
        assertThat(topology.output()).containsExactly(2);
    }

    /** Columns: what is replaced, by what, and the problem that this makes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"modalities\": [\"text\"] | \"modalities\": [\"txt\"] | 'streams[0].modalities'",
                "\"modalities\": [\"visual\"], | \"x\": 1, | Cannot use 'streams[1].x'",
                "\"modalities\": [\"visual\"], | \"modalities\": [\"visual\", \"text\"], | 'text' in 2",
                "\"modalities\": [\"visual\"], | `` | 'visual' in 0",
                "\"name\": \"both\" | \"name\": \"text\" | a name of its own (columns ignore case), got 'text' again",
                "\"name\": \"both\" | \"name\": \"Image\" | a name of its own (columns ignore case), got 'Image' again",
                "\"name\": \"both\" | \"name\": \"b o\" | a name of letters a-z",
                "\"learned_tokens\": 3, | `` | no such key without 'learned_tokens'",
                "\"name\": \"image\" | \"name\": \"visual\" | another name than a modality's",
                "\"join\": [\"text\", \"image\"] | \"join\": [\"text\", \"text\"] | 'streams[2].join'",
                "\"join\": [\"text\", \"image\"] | \"join\": [\"later\"] | a stream before it",
                "\"join\": [\"text\", \"image\"] | \"learned_tokens\": 0 | a whole number from 1",
                "\"join\": [\"text\", \"image\"] | \"modalities\": [] | 'streams[2].modalities'",
                "\"learned_tokens\": 3, | \"learned_tokens\": 3, \"hidden_size\": 7, | 'image' of 7",
                "\"tensor\": \"image_tokens\" | \"hidden_size\": 8 | Cannot read 'streams[1].tensor'",
                "\"kind\": \"decoder\" | \"kind\": \"mixer\" | one of encoder, decoder, cross_attention, got 'mixer'",
                "\"kind\": \"decoder\", | `` | Cannot read 'stacks[0].kind'",
                "\"kind\": \"decoder\" | \"kind\": \"encoder\" | Cannot read 'stacks[0].memory'",
                "\"memory\": \"image\", | `` | Cannot read 'stacks[0].memory'",
                "\"memory\": \"image\" | \"memory\": \"text\" | another stream than 'stream'",
                "\"memory\": \"image\" | \"memory\": \"audio\" | a stream ('text', 'image', 'both'), got 'audio'",
                "\"prefix\": \"decoder\", | `` | Cannot read 'stacks[0].prefix'",
                "\"num_hidden_layers\": 2, | `` | Cannot read 'stacks[0].num_hidden_layers'",
                "\"num_attention_heads\": 2, | \"num_attention_heads\": 3, | a divisor of 8 (hidden_size of the stream)",
                "\"output\": [\"both\"] | \"output\": [\"both\", \"text\"] | every modality and learned token once",
                "\"output\": [\"both\"] | \"output\": [] | Cannot read 'output'",
                "\"output\": [\"both\"] | \"output\": [\"text\"], \"cls_token\": true | learned_tokens of a stream",
                "\"output\": [\"both\"] | \"output\": [\"text\"], \"num_hidden_layers\": 2 | num_hidden_layers of a stack",
                "\"output\": [\"both\"] | \"output\": [\"text\"], \"tensor_prefixes\": {\"encoder\": \"e\"} | 'tensor_prefixes.encoder'",
            })
    void aBrokenKeyIsNamed(String old, String replacement, String problem) {
        String json = CONFIG.replace(old, replacement);
        assertThat(json).isNotEqualTo(CONFIG);
        assertThat(problems(json)).anyMatch(found -> found.contains(problem));
    }

    /** Columns: what is replaced in the stacks and the output, by what, and the problem that this makes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "[\"both\"] | [\"image\"] | 'stacks[0]' in config.json: expected a stack that changes the fused tokens",
                "[\"both\"] | [\"image\"] | 'streams[0]' in config.json: expected a stream that the fused tokens depend on",
                "[\"both\"] | [\"text\"] | 'streams[2]' in config.json: expected a stream that the fused tokens depend on",
                "\"modalities\": [\"visual\"], | `` | every modality in the 'modalities' of one stream",
            })
    void workThatDoesNotReachTheOutputIsRefused(String old, String replacement, String problem) {
        assertThat(problems(CONFIG.replace(old, replacement))).anyMatch(found -> found.contains(problem));
    }

    /** The join copies text before the second stack changes it. */
    @Test
    void aStackAfterTheJoinOfItsStreamIsRefused() {
        String late = """
                {"kind": "encoder", "stream": "both", "prefix": "e", "num_hidden_layers": 1},
                {"kind": "encoder", "stream": "text", "prefix": "f", "num_hidden_layers": 1}]""";
        String json = CONFIG.replace("\"hidden_act\": \"gelu\"}]", "\"hidden_act\": \"gelu\"}, " + late);
        assertThat(problems(json))
                .singleElement()
                .asString()
                .contains("'stacks[2]'")
                .contains("one on 'text', whose tokens nothing reads afterwards");
    }

    @Test
    void streamsAreReachedThroughJoinsOfJoins() {
        String nested = """
                {"name": "first", "join": ["text"]}, {"name": "second", "join": ["first"]},
                {"name": "both", "join": ["second", "image"]}]""";
        assertThat(problems(CONFIG.replace("{\"name\": \"both\", \"join\": [\"text\", \"image\"]}]", nested)))
                .isEmpty();
    }

    @Test
    void anOutputThatIsTheSameInEveryRowIsRefused() {
        String json = CONFIG.replace("\"output\": [\"both\"]", "\"output\": [\"both\", \"q\"]")
                .replace(
                        "{\"name\": \"both\"",
                        "{\"name\": \"q\", \"learned_tokens\": 1, \"tensor\": \"q\"}, {\"name\": \"both\"");
        assertThat(problems(json)).singleElement().asString().contains("got 'q', which no stack changes");
    }

    @Test
    void learnedTokensAreRowsOfHiddenSize() {
        ModelDirectory model = ModelDirectory.golden("learned-queries", path);
        model.tensors().random("queries_tokens", 20, 5);
        assertThatThrownBy(model::read)
                .hasMessageContaining("expected [5, 20] or [1, 5, 20]")
                .hasMessageContaining("got [20, 5]");
        model.tensors().random("queries_tokens", 5, 20);
        assertThat(model.read().weights().streams().get(1).learned().shape().rank())
                .isEqualTo(2);
    }

    @Test
    void severalBrokenKeysAreReportedTogether() {
        String json = CONFIG.replace("\"text\"]},", "\"t\"]},").replace("\"decoder\"", "7");
        assertThat(problems(json)).hasSizeGreaterThan(3);
    }

    @Test
    void tensorsThatAreMissingOrTooManyAreNamedWithTheirStack() throws Exception {
        ModelDirectory model = ModelDirectory.golden("two-streams", path);
        model.tensors()
                .without("visual_to_text.layers.0.multihead_attn.out_proj.weight")
                .random("visual_to_text.layers.0.extra", 3);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor 'visual_to_text.layers.0.multihead_attn.out_proj.weight'")
                .hasMessageContaining("Cannot place tensor 'visual_to_text.layers.0.extra'");
        String config = Files.readString(Path.of("src/test/resources/golden/two-streams/config.json"));
        model = ModelDirectory.golden("two-streams", path);
        model.config(config.replace("\"visual_to_text\"", "\"nowhere\""));
        assertThatThrownBy(model::read)
                .hasMessageContaining("under 'nowhere' (stacks[1].prefix in config.json), got none");
        model = ModelDirectory.golden("two-streams", path);
        model.config(config.replaceFirst("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2"));
        assertThatThrownBy(model::read)
                .hasMessageContaining("expected 2 layers (stacks[0].num_hidden_layers in config.json), got 1");
    }
}
