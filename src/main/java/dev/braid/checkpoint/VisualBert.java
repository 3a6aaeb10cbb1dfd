package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.CLS_TOKEN;
import static dev.braid.checkpoint.OptionalPart.EMBEDDING_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.FINAL_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.QKV_BIAS;

import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.checkpoint.ModalityNames.Table;
import dev.braid.checkpoint.PublishedModel.Modality;
import java.util.List;
import java.util.Map;

/**
 * VisualBERT (Li et al. 2019, arXiv 1908.03557, section 3.2), as {@code save_pretrained} of transformers writes it:
 * embedded text tokens, then projected visual tokens, are normalised together and go through BERT's post-norm layers.
 *
 * @see <a
 *     href="https://github.com/huggingface/transformers/tree/main/src/transformers/models/visual_bert">transformers/models/visual_bert</a>
 */
final class VisualBert {
    private static final BertEmbeddings EMBEDDINGS = new BertEmbeddings("embeddings");

    private static final Table VISUAL_TYPES =
            new Table("embeddings.visual_token_type_embeddings.weight", "token type embeddings of 'visual'", 2);

    /** Without an alignment to words, all visual tokens have position 0. */
    private static final Table VISUAL_POSITIONS =
            new Table("embeddings.visual_position_embeddings.weight", "position embeddings of 'visual' (row 0)", 1);

    private static final ModalityNames TEXT = EMBEDDINGS.text(EMBEDDINGS.types(), null, List.of());

    private static final ModalityNames VISUAL = new ModalityNames(
            null,
            new Projection(ParameterNames.of("embeddings.visual_projection.*"), null),
            null,
            List.of(VISUAL_POSITIONS.row(0), VISUAL_TYPES.row(1)),
            null,
            null,
            List.of());

    private static final Dialect DIALECT = new Dialect(
            "Hugging Face VisualBERT",
            true,
            "encoder.layer.",
            LayerTensorNames.BERT,
            new Dialect.ModelNames(
                    null,
                    EMBEDDINGS.norm(),
                    null,
                    ParameterNames.of("pooler.dense.*"),
                    Map.of("text", TEXT, "visual", VISUAL)),
            Dialect.LayerKind.POST_NORM_GELU);

    private VisualBert() {}

    static PublishedModel model() {
        return new PublishedModel(
                "visual_bert",
                DIALECT,
                "",
                12,
                Map.of(EMBEDDING_LAYER_NORM, true, FINAL_LAYER_NORM, false, CLS_TOKEN, false, QKV_BIAS, true),
                Map.of(),
                List.of(
                        new Modality("text", "", "hidden_size", 768),
                        new Modality("visual", "", "visual_embedding_dim", 512)));
    }
}
