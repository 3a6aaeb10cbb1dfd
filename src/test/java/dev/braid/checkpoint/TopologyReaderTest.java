package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.tensor.Activation;
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
        ConfigReaderTest.read(json, problems);
        return problems;
    }

    @Test
    void streamsAndStacksAreRead() {
        List<String> problems = new ArrayList<>();
        WrittenConfig.Topology topology =
                ConfigReaderTest.read(CONFIG, problems).orElseThrow().topology();
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
                        new WrittenStack.Prefix("stacks[0].prefix", "decoder")));
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
                "\"kind\": \"decoder\" | \"kind\": \"mixer\" | one of encoder, decoder, cross_attention, cross_first, bottleneck, co_attention, got 'mixer'",
                "\"kind\": \"decoder\", | `` | Cannot read 'stacks[0].kind'",
                "\"kind\": \"decoder\" | \"kind\": \"encoder\" | Cannot use 'stacks[0].memory'",
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
                "\"output\": [\"both\"] | \"output\": [\"both\"], \"num_key_value_heads\": 3 | 'stacks[0].num_key_value_heads' in config.json: expected a divisor of 2 (num_attention_heads), got 3",
                "\"num_attention_heads\": 2, | \"num_attention_heads\": 8, \"rotary_embeddings\": \"half\", | heads of an even size (rotary_embeddings), got 1",
                "\"num_attention_heads\": 2, | \"num_attention_heads\": 2, \"position_embeddings\": \"concatenated\", | expected true (a table per modality), false, sinusoidal",
                "\"learned_tokens\": 3, | \"learned_tokens\": 3, \"position_embeddings\": true, | Cannot use 'streams[1].position_embeddings'",
                "\"num_attention_heads\": 2, | \"num_attention_heads\": 2, \"rope_theta\": 5, | no such key without rotary_embeddings",
                "\"output\": [\"both\"] | \"output\": [\"text\"], \"tensor_prefixes\": {\"encoder\": \"e\"} | 'tensor_prefixes.encoder'",
            })
    void aBrokenKeyIsNamed(String old, String replacement, String problem) {
        String json = CONFIG.replace(old, replacement);
        assertThat(json).isNotEqualTo(CONFIG);
        assertThat(problems(json)).anyMatch(found -> found.contains(problem));
    }

    @Test
    void groupedHeadsNeedALinearEachForQueriesAndKeys() throws Exception {
        String config = Files.readString(Path.of("src/test/resources/golden/decoder/config.json"));
        ModelDirectory model = ModelDirectory.golden("decoder", path)
                .config(config.replace("\"hidden_size\"", "\"num_key_value_heads\": 2, \"hidden_size\""));
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot use 'num_key_value_heads' in config.json: expected 4 (num_attention_heads;"
                                + " torch.nn.TransformerDecoder has keys and values for every head), got 2");
    }

    @Test
    void sinusoidsNeedAnEvenSizeOfTheStreamsThatHaveThem() {
        String json = CONFIG.replace(
                        "\"hidden_size\": 8,", "\"hidden_size\": 8, \"position_embeddings\": \"sinusoidal\",")
                .replace(
                        "{\"name\": \"text\", \"modalities\"",
                        "{\"name\": \"text\", \"hidden_size\": 7, \"modalities\"");
        assertThat(problems(json))
                .anyMatch(found -> found.contains("'streams[0].hidden_size' in config.json: expected an even number"));
    }

    /** MBT: three layers of each stream, from layer 1 on with a bottleneck. */
    private static final String BOTTLENECK = """
            {"model_type": "fusion_encoder",
             "modalities": [{"name": "visual", "feature_size": 6}, {"name": "audio", "feature_size": 9}],
             "hidden_size": 8, "num_attention_heads": 2,
             "streams": [{"name": "image", "modalities": ["visual"]}, {"name": "sound", "modalities": ["audio"]},
                         {"name": "fusion", "learned_tokens": 3, "tensor": "fusion_tokens"}],
             "stacks": [{"kind": "bottleneck", "streams": ["image", "sound"], "bottleneck": "fusion",
                         "prefixes": {"image": "a", "sound": "b"}, "num_hidden_layers": 3, "fusion_layer": 1}],
             "output": ["image", "sound"]}
            """;

    @Test
    void aBottleneckIsReadAsEncodersAndStacksThatAlternate() {
        List<String> problems = new ArrayList<>();
        List<WrittenStack> stacks = ConfigReaderTest.read(BOTTLENECK, problems)
                .orElseThrow()
                .topology()
                .stacks();
        assertThat(problems).isEmpty();
        assertThat(stacks).extracting(WrittenStack::stream).containsExactly(0, 1, 0, 1);
        assertThat(stacks).extracting(WrittenStack::memory).containsExactly(0, 1, 2, 2);
        assertThat(stacks).extracting(WrittenStack::endLayer).containsExactly(1, 1, 3, 3);
        assertThat(stacks.get(3).interleaving()).isEqualTo(new Interleaving(Interleaving.Exchange.BOTTLENECK, 2, 1));
        assertThat(stacks.get(3).prefix()).isEqualTo(new WrittenStack.Prefix("stacks[0].prefixes.sound", "b"));
    }

    /** Columns: what is replaced, by what, and the problem that this makes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"streams\": [\"image\", \"sound\"], | \"streams\": [\"image\"], | 'stacks[0].streams' in config.json: expected two streams or more",
                "\"streams\": [\"image\", \"sound\"], | \"streams\": [\"image\", \"music\"], | 'stacks[0].streams'",
                "\"streams\": [\"image\", \"sound\"], | \"stream\": \"image\", | 'stacks[0].stream' in config.json: expected a known key",
                "\"bottleneck\": \"fusion\" | \"bottleneck\": \"fusoin\" | 'stacks[0].bottleneck' in config.json: expected a stream",
                "\"bottleneck\": \"fusion\" | \"bottleneck\": \"image\" | a stream of learned tokens alone, got 'image'",
                "\"bottleneck\": \"fusion\" | \"botleneck\": \"fusion\" | 'stacks[0].botleneck' in config.json: expected a known key, got 'botleneck'; the nearest is 'bottleneck'",
                "\"streams\": [\"image\", \"sound\"], | \"streams\": [\"image\", \"fusion\"], | a stream that is no part of 'streams', got 'fusion'",
                "\"learned_tokens\": 3, | \"learned_tokens\": 3, \"hidden_size\": 6, | streams of hidden size 6 (that of 'fusion'), got 'image' of 8",
                "\"sound\": \"b\" | \"sund\": \"b\" | 'stacks[0].prefixes.sund' in config.json: expected a known key",
                "\"sound\": \"b\" | \"sound\": 7 | 'stacks[0].prefixes.sound' in config.json: expected a string, got 7",
                "\"prefixes\": {\"image\": \"a\", \"sound\": \"b\"}, | `` | Cannot read 'stacks[0].prefixes'",
                "\"fusion_layer\": 1 | \"fusion_layer\": 3 | from 0 to 2 (num_hidden_layers - 1), got 3",
                "\"fusion_layer\": 1 | \"fusion_layer\": -1 | Cannot read 'stacks[0].fusion_layer'",
                "\"fusion_layer\": 1 | \"num_attention_heads\": 3 | a divisor of 8 (hidden_size of the stream), got 3",
                "\"kind\": \"bottleneck\" | \"kind\": \"co_attention\" | 'stacks[0].bottleneck' in config.json: expected a known key",
                "\"kind\": \"bottleneck\" | \"kind\": \"co_attention\", \"layer_kind\": \"encoder\" | one of decoder, cross_attention, cross_first, got 'encoder'",
                "\"output\": [\"image\", \"sound\"] | \"output\": [\"fusion\", \"fusion\"] | Cannot read 'output'",
            })
    void aBrokenKeyOfStacksThatAlternateIsNamed(String old, String replacement, String problem) {
        String json = BOTTLENECK.replace(old, replacement);
        assertThat(json).isNotEqualTo(BOTTLENECK);
        assertThat(problems(json)).anyMatch(found -> found.contains(problem));
    }

    @Test
    void aStreamReachesTheOutputThroughALaterLayerOfTheOthers() {
        String image = BOTTLENECK.replace("[\"image\", \"sound\"]}", "[\"image\"]}");
        assertThat(problems(image)).isEmpty();
        assertThat(problems(image.replace("\"fusion_layer\": 1", "\"fusion_layer\": 2")))
                .anyMatch(found -> found.contains("'stacks[0]'")
                        && found.contains("one on 'sound', whose tokens nothing reads afterwards"));
        assertThat(problems(BOTTLENECK.replace("[\"image\", \"sound\"]}", "[\"fusion\"]}")))
                .isEmpty();
        String coAttention = image.replace("\"bottleneck\": \"fusion\",", "")
                .replace("\"kind\": \"bottleneck\"", "\"kind\": \"co_attention\"")
                .replace(", \"fusion_layer\": 1", "")
                .replaceFirst(",\\s+\\{\"name\": \"fusion\"[^}]*}", "");
        assertThat(problems(coAttention)).isEmpty();
        assertThat(problems(coAttention.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1")))
                .anyMatch(found -> found.contains("one on 'sound', whose tokens nothing reads afterwards"));
    }

    @Test
    void aMissingTensorOfALayerThatAlternatesIsNamed() {
        ModelDirectory model = ModelDirectory.golden("bottleneck", path);
        model.tensors()
                .without("sound_encoder.layers.2.linear1.weight")
                .without("image_encoder.layers.0.norm1.weight")
                .random("image_encoder.layers.2.extra", 3);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor 'sound_encoder.layers.2.linear1.weight'")
                .hasMessageContaining("Cannot load tensor 'image_encoder.layers.0.norm1.weight'")
                .hasMessageContaining("Cannot place tensor 'image_encoder.layers.2.extra'");
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

    /** Columns: streams after the others, the output, and the problem that this makes. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"name\": \"w\", \"concat\": [\"text\", \"image\"]} | w | 'streams[3].concat' in config.json: expected streams of the same tokens as 'text', or pooled ones, got 'image'",
                "{\"name\": \"w\", \"concat\": [\"text\", \"c\"], \"hidden_size\": 8} | w | 'streams[4].hidden_size' in config.json: expected 16 (that of its parts together), got 8",
                "{\"name\": \"w\", \"concat\": [\"text\", \"c\"]} | w | 'output' in config.json: expected streams of hidden size 8 (hidden_size), got [16]",
                "{\"name\": \"w\", \"pool\": \"text\"} | w | 'streams[3].pooling' in config.json: expected one of cls, last, mean, max",
                "{\"name\": \"w\", \"pool\": \"text\", \"pooling\": \"none\"} | w | 'streams[3].pooling' in config.json: expected one of cls, last, mean, max, got 'none'",
                "{\"name\": \"w\", \"pool\": \"words\", \"pooling\": \"last\"} | w | 'streams[3].pool' in config.json: expected a stream before it",
                "{\"name\": \"w\", \"pool\": \"text\", \"join\": [\"text\"]} | w | one that has 'join', 'concat' or 'pool', got 'w'",
                "{\"name\": \"w\", \"pooling\": \"last\", \"join\": [\"text\"]} | w | 'streams[3].pooling' in config.json: expected no such key without 'pool'",
                "{\"name\": \"Visual\", \"pool\": \"text\", \"pooling\": \"last\"} | Visual | with learned tokens or a pooled vector, got 'Visual'",
                "{\"name\": \"w\", \"pool\": \"text\", \"pooling\": \"last\"}, {\"name\": \"j\", \"join\": [\"w\"]} | j | 'streams[4].join' in config.json: expected streams of tokens, got 'w', one vector per row",
            })
    void aBrokenStreamThatIsMadeOfOthersIsNamed(String streams, String output, String problem) {
        String copy = streams.contains("\"c\"") ? "{\"name\": \"c\", \"join\": [\"text\"]}, " : "";
        String json = CONFIG.replace("[\"text\", \"image\"]}]", "[\"text\", \"image\"]}, " + copy + streams + "]")
                .replace("\"output\": [\"both\"]", "\"output\": [\"" + output + "\"]");
        assertThat(problems(json)).anyMatch(found -> found.contains(problem));
    }

    @Test
    void noStackReadsAPooledVector() {
        String json = CONFIG.replace(
                        "[\"text\", \"image\"]}]",
                        "[\"text\", \"image\"]}, {\"name\": \"w\", \"pool\": \"image\", \"pooling\": \"mean\"}]")
                .replace("\"memory\": \"image\"", "\"memory\": \"w\"");
        assertThat(problems(json))
                .anyMatch(found -> found.contains(
                        "'stacks[0].memory' in config.json: expected a stream of tokens, got 'w', one vector per row"));
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

    /** torch stores the query of such an attention as q_proj_weight; without a feed-forward, the layer has no other mark. */
    @Test
    void crossAttentionToAnotherSizeIsFoundWithoutFeedForward() {
        ModelDirectory model = ModelDirectory.golden("learned-queries", path);
        for (int layer = 0; layer < 2; layer++) {
            for (String part : List.of("linear1", "linear2", "norm2")) {
                model.tensors()
                        .without("resampler.layers." + layer + "." + part + ".weight")
                        .without("resampler.layers." + layer + "." + part + ".bias");
            }
        }
        StackWeights resampler = model.read().weights().stacks().get(0);
        assertThat(resampler.layers()).hasSize(2).allMatch(layer -> layer.feedForward() == null);
    }

    @Test
    void aNormOfTheMemoryIsInAllLayersOrNone() {
        ModelDirectory model = ModelDirectory.golden("memory-norms", path);
        model.tensors()
                .without("text_layers.layers.1.memory_norm.weight")
                .without("text_layers.layers.1.memory_norm.bias");
        assertThatThrownBy(model::read)
                .hasMessageContaining(
                        "Cannot load tensor 'text_layers.layers.1.memory_norm.weight' from"
                                + " model.safetensors: expected [4] (hidden_size of stream 'visual' in config.json), got no such tensor");
        model.tensors()
                .without("text_layers.layers.0.memory_norm.weight")
                .without("text_layers.layers.0.memory_norm.bias");
        List<LayerWeights> layers = model.read().weights().stacks().get(1).layers();
        assertThat(layers).allMatch(layer -> layer.attentions().get(0).memoryNorm() == null);
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
