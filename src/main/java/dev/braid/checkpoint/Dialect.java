package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.checkpoint.ModalityNames.Table;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The names under which training code stores the parts of a model; a spelling that is not known yet is a constant more.
 *
 * @param title as it is shown to people
 * @param published whether these are the names of a published model, whose checkpoints hold more than the encoder needs:
 *     towers, heads. All parts of such a model stand behind the encoder's prefix; those of another may stand above it
 * @param stack what stands between the encoder's prefix and the number of a layer
 * @param layer behind the number of a layer
 * @param model behind the encoder's prefix
 * @param usualKind what its layers are unless the config says otherwise
 */
record Dialect(String title, boolean published, String stack, LayerNames layer, ModelNames model, LayerKind usualKind) {

    static final Dialect TORCH = new Dialect(
            "torch.nn.TransformerEncoder",
            false,
            "layers.",
            LayerNames.TORCH,
            ModelNames.usual("norm.*"),
            LayerKind.TORCH);
    static final Dialect SELF_ATTENTION = new Dialect(
            "SelfAttention layers (query_proj, key_proj, value_proj)",
            false,
            "layers.",
            LayerNames.SELF_ATTENTION,
            ModelNames.usual("norm.*"),
            LayerKind.TORCH);
    static final Dialect LLAMA = new Dialect(
            "Llama layers (q_proj, k_proj, v_proj, o_proj)",
            false,
            "layers.",
            LayerNames.LLAMA,
            ModelNames.usual("norm.*"),
            LayerKind.LLAMA);
    static final Dialect TORCH_DECODER = new Dialect(
            "torch.nn.TransformerDecoder",
            false,
            "layers.",
            LayerNames.TORCH_DECODER,
            ModelNames.usual("norm.*"),
            LayerKind.TORCH);
    static final Dialect CROSS_ATTENTION = new Dialect(
            "torch.nn.MultiheadAttention layers",
            false,
            "layers.",
            LayerNames.CROSS_ATTENTION,
            ModelNames.usual("norm.*"),
            LayerKind.TORCH);
    static final Dialect CROSS_FIRST = new Dialect(
            "layers of torch.nn.TransformerDecoder's parts, cross-attention first",
            false,
            "layers.",
            LayerNames.CROSS_FIRST,
            ModelNames.usual("norm.*"),
            LayerKind.TORCH);
    static final Dialect TORCHMULTIMODAL_FLAVA = new Dialect(
            "torchmultimodal FLAVA",
            true,
            "mm_encoder.encoder.layer.",
            LayerNames.TORCHMULTIMODAL,
            new ModelNames(
                    Part.of("mm_encoder.cls_token"),
                    Part.of("embedding_layer_norm.*"),
                    Part.of("mm_encoder.layernorm.*"),
                    Part.of("mm_encoder.pooler.dense.*"),
                    Map.of(
                            "visual", ModalityNames.projection(Part.of("image_to_mm_projection.*")),
                            "text", ModalityNames.projection(Part.of("text_to_mm_projection.*")))),
            LayerKind.PRE_NORM_GELU);
    static final Dialect FLAVA = new Dialect(
            "Hugging Face FLAVA",
            true,
            "multimodal_model.encoder.layer.",
            LayerNames.VIT,
            new ModelNames(
                    Part.of("multimodal_model.cls_token"),
                    null,
                    Part.of("multimodal_model.layernorm.*"),
                    Part.of("multimodal_model.pooler.dense.*"),
                    Map.of(
                            "visual", ModalityNames.projection(Part.of("image_to_mm_projection.*")),
                            "text", ModalityNames.projection(Part.of("text_to_mm_projection.*")))),
            LayerKind.PRE_NORM_GELU);
    static final Dialect VILT = new Dialect(
            "Hugging Face ViLT",
            true,
            "encoder.layer.",
            LayerNames.VIT,
            new ModelNames(
                    null,
                    null,
                    Part.of("layernorm.*"),
                    Part.of("pooler.dense.*"),
                    Map.of(
                            "text",
                            new ModalityNames(
                                    Tables.VILT_WORDS,
                                    null,
                                    null,
                                    List.of(Tables.VILT_TEXT_TYPES.row(0)),
                                    Tables.VILT_TEXT_POSITIONS,
                                    Part.of("embeddings.text_embeddings.LayerNorm.*"),
                                    List.of(Tables.VILT_MODALITIES.row(0))),
                            "visual",
                            new ModalityNames(
                                    null, null, null, List.of(Tables.VILT_MODALITIES.row(1)), null, null, List.of()))),
            LayerKind.PRE_NORM_GELU);
    static final Dialect VISUAL_BERT = new Dialect(
            "Hugging Face VisualBERT",
            true,
            "encoder.layer.",
            LayerNames.BERT,
            new ModelNames(
                    null,
                    Part.of("embeddings.LayerNorm.*"),
                    null,
                    Part.of("pooler.dense.*"),
                    Map.of(
                            "text",
                            new ModalityNames(
                                    Tables.BERT_WORDS,
                                    null,
                                    null,
                                    List.of(Tables.BERT_TEXT_TYPES.row(0)),
                                    Tables.BERT_TEXT_POSITIONS,
                                    null,
                                    List.of()),
                            "visual",
                            new ModalityNames(
                                    null,
                                    new Projection(Part.of("embeddings.visual_projection.*"), null),
                                    null,
                                    List.of(Tables.BERT_VISUAL_POSITIONS.row(0), Tables.BERT_VISUAL_TYPES.row(1)),
                                    null,
                                    null,
                                    List.of()))),
            LayerKind.POST_NORM_GELU);

    static final Dialect UNITER = new Dialect(
            "UNITER",
            true,
            "encoder.layer.",
            LayerNames.BERT,
            new ModelNames(
                    null,
                    null,
                    null,
                    Part.of("pooler.dense.*"),
                    Map.of(
                            "text",
                            new ModalityNames(
                                    Tables.BERT_WORDS,
                                    null,
                                    null,
                                    List.of(Tables.UNITER_TYPES.row(0)),
                                    Tables.BERT_TEXT_POSITIONS,
                                    Part.of("embeddings.LayerNorm.*"),
                                    List.of()),
                            "visual",
                            new ModalityNames(
                                    null,
                                    new Projection(
                                            Part.of("img_embeddings.img_linear.*"),
                                            Part.of("img_embeddings.img_layer_norm.*")),
                                    new Projection(
                                            Part.of("img_embeddings.pos_linear.*"),
                                            Part.of("img_embeddings.pos_layer_norm.*")),
                                    List.of(Tables.UNITER_TYPES.row(1)),
                                    null,
                                    Part.of("img_embeddings.LayerNorm.*"),
                                    List.of()))),
            LayerKind.POST_NORM_GELU);

    /** What no tensor tells of the layers. */
    record LayerKind(
            boolean normFirst, NormType normType, float layerNormEps, Activation activation, boolean gatedFeedForward) {
        static final LayerKind TORCH = new LayerKind(false, 1e-5f, Activation.RELU);
        static final LayerKind PRE_NORM_GELU = new LayerKind(true, 1e-12f, Activation.GELU);
        static final LayerKind POST_NORM_GELU = new LayerKind(false, 1e-12f, Activation.GELU);
        static final LayerKind LLAMA = new LayerKind(true, NormType.RMS_NORM, 1e-5f, Activation.SILU, true);

        private LayerKind(boolean normFirst, float layerNormEps, Activation activation) {
            this(normFirst, NormType.LAYER_NORM, layerNormEps, activation, false);
        }
    }

    /** The tables of embeddings in published models. */
    private static final class Tables {
        static final Table VILT_WORDS = words("embeddings.text_embeddings.word_embeddings.weight");
        static final Table BERT_WORDS = words("embeddings.word_embeddings.weight");
        static final Table VILT_TEXT_TYPES = new Table(
                "embeddings.text_embeddings.token_type_embeddings.weight", "token type embeddings of 'text'", 1);
        static final Table VILT_TEXT_POSITIONS =
                new Table("embeddings.text_embeddings.position_embeddings.weight", "position embeddings of 'text'", 1);
        static final Table VILT_MODALITIES =
                new Table("embeddings.token_type_embeddings.weight", "modality embeddings", 2);
        static final Table BERT_TEXT_TYPES =
                new Table("embeddings.token_type_embeddings.weight", "token type embeddings of 'text'", 1);
        static final Table BERT_TEXT_POSITIONS =
                new Table("embeddings.position_embeddings.weight", "position embeddings of 'text'", 1);
        static final Table BERT_VISUAL_TYPES =
                new Table("embeddings.visual_token_type_embeddings.weight", "token type embeddings of 'visual'", 2);
        /** Features say nothing of their place, so all of them take row 0. */
        static final Table BERT_VISUAL_POSITIONS =
                new Table("embeddings.visual_position_embeddings.weight", "position embeddings of 'visual' (row 0)", 1);

        /** One table for both modalities. */
        static final Table UNITER_TYPES =
                new Table("embeddings.token_type_embeddings.weight", "token type embeddings", 2);

        private static Table words(String name) {
            return new Table(name, "word embeddings of 'text'", 1);
        }
    }

    /**
     * The names of the parts around the layers; null for what the dialect has not.
     *
     * @param modalities the only ones that there are, or empty where they are any and have the usual names
     */
    record ModelNames(
            Part clsToken, Part embeddingNorm, Part finalNorm, Part pooler, Map<String, ModalityNames> modalities) {

        static ModelNames usual(String finalNorm) {
            return new ModelNames(
                    Part.of("cls_token"),
                    Part.of("embedding_layer_norm.*"),
                    Part.of(finalNorm),
                    Part.of("pooler.dense.*"),
                    Map.of());
        }

        ModalityNames modality(String name) {
            return modalities.isEmpty()
                    ? ModalityNames.usual(name)
                    : modalities.getOrDefault(name, ModalityNames.projection(null));
        }

        /** Whether a modality may have that name. */
        boolean knows(String modality) {
            return modalities.isEmpty() || modalities.containsKey(modality);
        }

        /** The modality that a tensor is the projection's weight of. */
        Optional<String> projected(String tensor) {
            return modalities.isEmpty()
                    ? ModalityNames.projected(tensor)
                    : modalities.keySet().stream()
                            .filter(name ->
                                    isWeight(tensor, modalities.get(name).projection()))
                            .findFirst();
        }

        private static boolean isWeight(String tensor, Projection projection) {
            return projection != null
                    && projection.linear().names().stream()
                            .map(Part::weight)
                            .anyMatch(name -> tensor.equals(name) || tensor.endsWith("." + name));
        }
    }
}
