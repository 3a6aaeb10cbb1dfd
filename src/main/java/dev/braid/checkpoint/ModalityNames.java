package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of what makes tokens of the encoder out of one modality's features, as in {@link ModalityWeights}.
 *
 * @param projection null where features enter as they are
 * @param positions the table of position embeddings, or null
 * @param norm or null
 */
record ModalityNames(Part projection, List<Row> rows, Table positions, Part norm, List<Row> rowsAfterNorm) {
    /** Projections of modalities whose word in a module is not their name. */
    private static final Map<String, String> WORDS = Map.of("text", "textual");

    private static final String PROJECTION = "_extractor.model_net.*";

    /** A modality's word before the weight of its projection. */
    private static final Pattern PROJECTED =
            Pattern.compile("(?:.*\\.)?(\\w{1,100})" + Pattern.quote(Part.weight(PROJECTION)));

    /** The table of a row per position in a row's concatenated tokens. */
    static final Table ROW_POSITIONS = new Table("position_embeddings.weight", "position embeddings of the row", 1);

    /**
     * A table of embeddings, a row each.
     *
     * @param role what it is, in plain words
     * @param rows those that the model uses; a table may have more
     */
    record Table(String name, String role, int rows) {
        Row row(int row) {
            return new Row(this, row);
        }
    }

    /** One row of a table, which all tokens of a modality share. */
    record Row(Table table, int row) {}

    static ModalityNames projection(Part projection) {
        return new ModalityNames(projection, List.of(), null, null, List.of());
    }

    /** The projection alone, where a dialect has no name of its own for it. */
    static ModalityNames usual(String modality) {
        return projection(Part.of(WORDS.getOrDefault(modality, modality) + PROJECTION));
    }

    /** The modality that a tensor is the usual projection's weight of. */
    static Optional<String> projected(String tensor) {
        Matcher matcher = PROJECTED.matcher(tensor);
        return matcher.matches() ? Optional.of(modality(matcher.group(1))) : Optional.empty();
    }

    private static String modality(String word) {
        return WORDS.entrySet().stream()
                .filter(entry -> entry.getValue().equals(word))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(word);
    }

    /** The table of a row per modality. */
    static Table modalities(int count) {
        return new Table("modality_embeddings.weight", "modality embeddings", count);
    }

    /** The table of a row per position within a modality, where a dialect has no name of its own for it. */
    static Table positions(String modality) {
        return new Table("position_embeddings." + modality + ".weight", "position embeddings of '" + modality + "'", 1);
    }

    ModalityNames withRow(Row row) {
        return new ModalityNames(projection, List.of(row), positions, norm, rowsAfterNorm);
    }

    ModalityNames withPositions(Table table) {
        return new ModalityNames(projection, rows, table, norm, rowsAfterNorm);
    }
}
