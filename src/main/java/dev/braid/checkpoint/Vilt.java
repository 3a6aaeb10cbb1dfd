package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.CLS_TOKEN;
import static dev.braid.checkpoint.OptionalPart.EMBEDDING_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.FINAL_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.QKV_BIAS;

import dev.braid.checkpoint.ModalityNames.Table;
import dev.braid.checkpoint.PublishedModel.Modality;
import java.util.List;
import java.util.Map;

/**
 * ViLT (Kim et al. 2021, arXiv 2102.03334, section 3.1), as {@code save_pretrained} of transformers writes it: embedded
 * and normalised text tokens, then visual tokens without a projection, go through pre-norm layers and a final
 * LayerNorm. A learned embedding of its modality is added to each token.
 *
 * @see <a
 *     href="https://github.com/huggingface/transformers/tree/main/src/transformers/models/vilt">transformers/models/vilt</a>
 */
final class Vilt {
    private static final BertEmbeddings EMBEDDINGS = new BertEmbeddings("embeddings.text_embeddings");

    private static final Table MODALITIES =
            new Table("embeddings.token_type_embeddings.weight", "modality embeddings", 2);

    private static final ModalityNames TEXT =
            EMBEDDINGS.text(EMBEDDINGS.types(), EMBEDDINGS.norm(), List.of(MODALITIES.row(0)));

    private static final ModalityNames VISUAL =
            new ModalityNames(null, null, null, List.of(MODALITIES.row(1)), null, null, List.of());

    private static final Dialect DIALECT = new Dialect(
            "Hugging Face ViLT",
            true,
            "encoder.layer.",
            LayerTensorNames.VIT,
            new Dialect.ModelNames(
                    null,
                    null,
                    ParameterNames.of("layernorm.*"),
                    ParameterNames.of("pooler.dense.*"),
                    Map.of("text", TEXT, "visual", VISUAL)),
            Dialect.LayerKind.PRE_NORM_GELU);

    private Vilt() {}

    static PublishedModel model() {
        return new PublishedModel(
                "vilt",
                DIALECT,
                "",
                12,
                Map.of(EMBEDDING_LAYER_NORM, false, FINAL_LAYER_NORM, true, CLS_TOKEN, false),
                Map.of(QKV_BIAS, "qkv_bias"),
                List.of(new Modality("text", "", "hidden_size", 768), new Modality("visual", "", "hidden_size", 768)));
    }
}
