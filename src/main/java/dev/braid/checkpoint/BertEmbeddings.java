package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Row;
import dev.braid.checkpoint.ModalityNames.Table;
import java.util.List;

/**
 * The names of BERT's text embeddings (Devlin et al. 2019, arXiv 1810.04805, figure 2), which other published models
 * reuse: word, position and token type embeddings, and a LayerNorm.
 *
 * @param module the name of the module that holds them
 */
record BertEmbeddings(String module) {

    /**
     * The names for text of token type 0. The {@code norm} is null if the model normalises text and visual tokens
     * together.
     */
    ModalityNames text(Table types, ParameterNames norm, List<Row> rowsAfterNorm) {
        return new ModalityNames(
                table("word", "word"),
                null,
                null,
                List.of(types.row(0)),
                table("position", "position"),
                norm,
                rowsAfterNorm);
    }

    /** The table of token types. */
    Table types() {
        return table("token_type", "token type");
    }

    ParameterNames norm() {
        return ParameterNames.of(module + ".LayerNorm.*");
    }

    private Table table(String name, String title) {
        return new Table(module + "." + name + "_embeddings.weight", title + " embeddings of 'text'", 1);
    }
}
