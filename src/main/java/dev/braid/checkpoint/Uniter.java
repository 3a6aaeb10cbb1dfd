package dev.braid.checkpoint;

import static dev.braid.checkpoint.OptionalPart.CLS_TOKEN;
import static dev.braid.checkpoint.OptionalPart.EMBEDDING_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.FINAL_LAYER_NORM;
import static dev.braid.checkpoint.OptionalPart.QKV_BIAS;

import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.checkpoint.ModalityNames.Table;
import dev.braid.checkpoint.PublishedModel.Boxes;
import dev.braid.checkpoint.PublishedModel.Modality;
import java.util.List;
import java.util.Map;

/**
 * UNITER (Chen et al. 2020, arXiv 1909.11740, section 3.1), as a state dict of its own code. Embedded and normalised
 * text tokens, then visual tokens, go through BERT's post-norm layers. A visual token is the normalised sum of its
 * projected features, its projected box and a token type embedding.
 *
 * @see <a href="https://github.com/ChenRocks/UNITER/blob/master/model/model.py">UNITER/model/model.py</a>
 */
final class Uniter {
    private static final BertEmbeddings EMBEDDINGS = new BertEmbeddings("embeddings");

    /** One table, with a row for each modality. */
    private static final Table TYPES = new Table("embeddings.token_type_embeddings.weight", "token type embeddings", 2);

    private static final ModalityNames TEXT = EMBEDDINGS.text(TYPES, EMBEDDINGS.norm(), List.of());

    private static final ModalityNames VISUAL = new ModalityNames(
            null,
            projection("img_linear", "img_layer_norm"),
            projection("pos_linear", "pos_layer_norm"),
            List.of(TYPES.row(1)),
            null,
            ParameterNames.of("img_embeddings.LayerNorm.*"),
            List.of());

    private static final Dialect DIALECT = new Dialect(
            "UNITER",
            true,
            "encoder.layer.",
            LayerTensorNames.BERT,
            new Dialect.ModelNames(
                    null, null, null, ParameterNames.of("pooler.dense.*"), Map.of("text", TEXT, "visual", VISUAL)),
            Dialect.LayerKind.POST_NORM_GELU);

    private Uniter() {}

    static PublishedModel model() {
        return new PublishedModel(
                "uniter",
                DIALECT,
                "",
                12,
                Map.of(EMBEDDING_LAYER_NORM, false, FINAL_LAYER_NORM, false, CLS_TOKEN, false, QKV_BIAS, true),
                Map.of(),
                List.of(
                        new Modality("text", "", "hidden_size", 768),
                        new Modality("visual", "", "img_dim", 2048, new Boxes(null, 7, BoxFusion.SUM))));
    }

    private static Projection projection(String linear, String norm) {
        return new Projection(
                ParameterNames.of("img_embeddings." + linear + ".*"),
                ParameterNames.of("img_embeddings." + norm + ".*"));
    }
}
