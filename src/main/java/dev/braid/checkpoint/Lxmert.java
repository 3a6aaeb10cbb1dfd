package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.CLS_TOKEN;
import static dev.braid.checkpoint.OptionalPart.EMBEDDING_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.FINAL_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.QKV_BIAS;

import dev.braid.checkpoint.LayerTensorNames.AttentionNames;
import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.checkpoint.PublishedModel.Boxes;
import dev.braid.checkpoint.PublishedModel.Modality;
import java.util.List;
import java.util.Map;

/**
 * LXMERT (Tan and Bansal 2019, arXiv 1908.07490), as {@code save_pretrained} of transformers writes it. Text tokens and
 * visual tokens first go through encoder layers of their own; a visual token is the mean of its projected features and
 * its projected box. Then come cross-modality layers: text and visual tokens attend to each other with shared weights,
 * then each has its own self-attention and feed-forward. The fused tokens are the text tokens, then the visual tokens.
 *
 * @see <a
 *     href="https://github.com/huggingface/transformers/tree/main/src/transformers/models/lxmert">transformers/models/lxmert</a>
 */
final class Lxmert {
    private static final String TITLE = "Hugging Face LXMERT";

    private static final BertEmbeddings EMBEDDINGS = new BertEmbeddings("embeddings");

    private static final ModalityNames TEXT = EMBEDDINGS.text(EMBEDDINGS.types(), EMBEDDINGS.norm(), List.of());

    private static final ModalityNames VISUAL = new ModalityNames(
            null, projection("visn_fc", "visn"), projection("box_fc", "box"), List.of(), null, null, List.of());

    private static final Dialect LANGUAGE = layers("encoder.layer.", LayerTensorNames.BERT);
    private static final Dialect VISION = layers("encoder.r_layers.", LayerTensorNames.BERT);
    private static final Dialect CROSS_LANGUAGE = layers("encoder.x_layers.", crossModality("lang"));
    private static final Dialect CROSS_VISION = layers("encoder.x_layers.", crossModality("visn"));

    private Lxmert() {}

    static PublishedModel model() {
        return new PublishedModel(
                "lxmert",
                LANGUAGE,
                "",
                0,
                Map.of(EMBEDDING_LAYER_NORM, false, FINAL_LAYER_NORM, false, CLS_TOKEN, false, QKV_BIAS, true),
                Map.of(),
                List.of(
                        new Modality("text", "", "hidden_size", 768),
                        new Modality(
                                "visual", "", "visual_feat_dim", 2048, new Boxes("visual_pos_dim", 4, BoxFusion.MEAN))),
                Lxmert::topology);
    }

    private static WrittenConfig.Topology topology(ConfigObject config, int hiddenSize, WrittenLayer written) {
        // Its config has no key for the epsilon of the norms.
        WrittenLayer layer = new WrittenLayer(
                written.heads(), null, written.intermediateSize(), written.activation(), null, null, null);
        int text = 0;
        int visual = 1;
        return new WrittenConfig.Topology(
                List.of(stream("text", text, hiddenSize), stream("visual", visual, hiddenSize)),
                List.of(
                        encoder(LANGUAGE, text, config, "l_layers", 9, layer),
                        encoder(VISION, visual, config, "r_layers", 5, layer),
                        crossModality(CROSS_LANGUAGE, text, visual, config, layer),
                        crossModality(CROSS_VISION, visual, text, config, layer)),
                List.of(text, visual));
    }

    private static WrittenStream stream(String name, int modality, int hiddenSize) {
        return new WrittenStream(new StreamConfig(name, hiddenSize, 0, List.of(modality), List.of()), null);
    }

    private static WrittenStack encoder(
            Dialect dialect, int stream, ConfigObject config, String key, int byDefault, WrittenLayer layer) {
        return stack(
                dialect,
                StackConfig.Kind.ENCODER,
                stream,
                stream,
                config.size(key, byDefault),
                layer,
                Interleaving.NONE,
                key);
    }

    private static WrittenStack crossModality(
            Dialect dialect, int stream, int memory, ConfigObject config, WrittenLayer layer) {
        return stack(
                dialect,
                StackConfig.Kind.CROSS_FIRST,
                stream,
                memory,
                config.size("x_layers", 5),
                layer,
                new Interleaving(Interleaving.Exchange.CO_ATTENTION, 2, stream),
                "x_layers");
    }

    private static WrittenStack stack(
            Dialect dialect,
            StackConfig.Kind kind,
            int stream,
            int memory,
            Integer layers,
            WrittenLayer layer,
            Interleaving interleaving,
            String layersKey) {
        return new WrittenStack(
                "",
                kind,
                stream,
                memory,
                layers,
                null,
                layer,
                new WrittenStack.Prefix("", null),
                interleaving,
                new WrittenStack.Published(dialect, layersKey));
    }

    private static Dialect layers(String stack, LayerTensorNames layer) {
        return new Dialect(
                TITLE,
                true,
                stack,
                layer,
                new Dialect.ModelNames(
                        null, null, null, ParameterNames.of("pooler.dense.*"), Map.of("text", TEXT, "visual", VISUAL)),
                Dialect.LayerKind.POST_NORM_GELU);
    }

    /** A cross-modality layer on one stream. Both streams share the weights of cross-attention. */
    private static LayerTensorNames crossModality(String stream) {
        return new LayerTensorNames(
                List.of(attention("visual_attention", "att"), attention(stream + "_self_att", "self")),
                ParameterNames.of(stream + "_inter.dense.*"),
                null,
                ParameterNames.of(stream + "_output.dense.*"),
                ParameterNames.of(stream + "_output.LayerNorm.*"),
                true);
    }

    private static AttentionNames attention(String module, String inner) {
        return AttentionNames.of(
                ParameterNames.of(module + "." + inner + ".query.*"),
                ParameterNames.of(module + "." + inner + ".key.*"),
                ParameterNames.of(module + "." + inner + ".value.*"),
                ParameterNames.of(module + ".output.dense.*"),
                ParameterNames.of(module + ".output.LayerNorm.*"));
    }

    private static Projection projection(String linear, String norm) {
        return new Projection(
                ParameterNames.of("encoder.visn_fc." + linear + ".*"),
                ParameterNames.of("encoder.visn_fc." + norm + "_layer_norm.*"));
    }
}
