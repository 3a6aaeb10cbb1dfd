package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Table;
import java.util.List;
import java.util.Map;

/**
 * The names under which training code stores the parts of a model; a spelling that is not known yet is a constant more.
 *
 * @param title as it is shown to people
 * @param published whether these are the names of a published model, whose checkpoints hold more than the encoder needs:
 *     towers, heads. All parts of such a model stand behind the encoder's prefix; those of another may stand above it
 * @param stack what stands between the encoder's prefix and the number of a layer
 * @param layer behind the number of a layer
 * @param model behind the encoder's prefix
 */
record Dialect(String title, boolean published, String stack, LayerNames layer, ModelNames model) {

    static final Dialect TORCH =
            new Dialect("torch.nn.TransformerEncoder", false, "layers.", LayerNames.TORCH, ModelNames.usual("norm.*"));
    static final Dialect SELF_ATTENTION = new Dialect(
            "SelfAttention layers (query_proj, key_proj, value_proj)",
            false,
            "layers.",
            LayerNames.SELF_ATTENTION,
            ModelNames.usual("norm.*"));
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
                            "text", ModalityNames.projection(Part.of("text_to_mm_projection.*")))));
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
                            "text", ModalityNames.projection(Part.of("text_to_mm_projection.*")))));
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
                                    null,
                                    List.of(Tables.VILT_TEXT_TYPES.row(0)),
                                    Tables.VILT_TEXT_POSITIONS,
                                    Part.of("embeddings.text_embeddings.LayerNorm.*"),
                                    List.of(Tables.VILT_MODALITIES.row(0))),
                            "visual",
                            new ModalityNames(null, List.of(Tables.VILT_MODALITIES.row(1)), null, null, List.of()))));
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
                                    null,
                                    List.of(Tables.BERT_TEXT_TYPES.row(0)),
                                    Tables.BERT_TEXT_POSITIONS,
                                    null,
                                    List.of()),
                            "visual",
                            new ModalityNames(
                                    Part.of("embeddings.visual_projection.*"),
                                    List.of(Tables.BERT_VISUAL_POSITIONS.row(0), Tables.BERT_VISUAL_TYPES.row(1)),
                                    null,
                                    null,
                                    List.of()))));

    /** The tables of embeddings in published models. */
    private static final class Tables {
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
    }

    /**
     * The names of the parts around the layers; null for what the dialect has not.
     *
     * @param modalities those whose names are not the usual ones
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
            ModalityNames names = modalities.get(name);
            return names == null ? ModalityNames.usual(name) : names;
        }
    }
}
