package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.CLS_TOKEN;
import static dev.braid.checkpoint.OptionalPart.EMBEDDING_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.FINAL_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.QKV_BIAS;

import dev.braid.checkpoint.LayerTensorNames.AttentionNames;
import dev.braid.checkpoint.PublishedModel.Modality;
import java.util.List;
import java.util.Map;

/**
 * The multimodal encoder of FLAVA (Singh et al. 2022, arXiv 2112.04482, section 3.1): a learned CLS token, projected
 * visual tokens, then projected text tokens, through pre-norm layers and a final LayerNorm. transformers writes it with
 * a config of its own. A state dict of torchmultimodal has other names, and needs a config in this project's format.
 *
 * @see <a
 *     href="https://github.com/huggingface/transformers/tree/main/src/transformers/models/flava">transformers/models/flava</a>
 */
final class Flava {
    private static final Map<String, ModalityNames> MODALITIES = Map.of(
            "visual", ModalityNames.projection(ParameterNames.of("image_to_mm_projection.*")),
            "text", ModalityNames.projection(ParameterNames.of("text_to_mm_projection.*")));

    private static final Dialect HUGGING_FACE = new Dialect(
            "Hugging Face FLAVA",
            true,
            "multimodal_model.encoder.layer.",
            LayerTensorNames.VIT,
            new Dialect.ModelNames(
                    ParameterNames.of("multimodal_model.cls_token"),
                    null,
                    ParameterNames.of("multimodal_model.layernorm.*"),
                    ParameterNames.of("multimodal_model.pooler.dense.*"),
                    MODALITIES),
            Dialect.LayerKind.PRE_NORM_GELU);

    /**
     * torchmultimodal's TransformerEncoderLayer. If it was trained with dropout, its MLP has a dropout between the
     * Linears.
     */
    private static final LayerTensorNames TORCHMULTIMODAL_LAYER = new LayerTensorNames(
            List.of(AttentionNames.of(
                    ParameterNames.of("attention.query.*"),
                    ParameterNames.of("attention.key.*"),
                    ParameterNames.of("attention.value.*"),
                    ParameterNames.of("attention.output.*"),
                    ParameterNames.of("attention_layernorm.*"))),
            ParameterNames.of("feedforward.model.0.*"),
            null,
            ParameterNames.of("feedforward.model.2.*", "feedforward.model.3.*"),
            ParameterNames.of("feedforward_layernorm.*"),
            true);

    static final Dialect TORCHMULTIMODAL = new Dialect(
            "torchmultimodal FLAVA",
            true,
            "mm_encoder.encoder.layer.",
            TORCHMULTIMODAL_LAYER,
            new Dialect.ModelNames(
                    ParameterNames.of("mm_encoder.cls_token"),
                    ParameterNames.of("embedding_layer_norm.*"),
                    ParameterNames.of("mm_encoder.layernorm.*"),
                    ParameterNames.of("mm_encoder.pooler.dense.*"),
                    MODALITIES),
            Dialect.LayerKind.PRE_NORM_GELU);

    private Flava() {}

    static PublishedModel model() {
        return new PublishedModel(
                "flava",
                HUGGING_FACE,
                "multimodal_config",
                6,
                Map.of(EMBEDDING_LAYER_NORM, false, FINAL_LAYER_NORM, true),
                Map.of(QKV_BIAS, "qkv_bias", CLS_TOKEN, "use_cls_token"),
                List.of(
                        new Modality("visual", "image_config", "hidden_size", 768),
                        new Modality("text", "text_config", "hidden_size", 768)));
    }
}
