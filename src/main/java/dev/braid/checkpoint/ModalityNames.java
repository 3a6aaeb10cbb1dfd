package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of the tensors that turn one modality's features or token ids into tokens of the encoder, as in {@link
 * ModalityWeights}.
 *
 * @param words the table of word embeddings, or null
 * @param projection null if features enter unprojected
 * @param boxes the projection of boxes, or null
 * @param positions the table of position embeddings, or null
 * @param norm the last norm, or null
 */
record ModalityNames(
        Table words,
        Projection projection,
        Projection boxes,
        List<Row> rows,
        Table positions,
        ParameterNames norm,
        List<Row> rowsAfterNorm) {
    /** The word in the name of a modality's projection, for modalities where it is not the modality's name. */
    private static final Map<String, String> WORDS = Map.of("text", "textual");

    private static final String PROJECTION = "_extractor.model_net.*";

    /** The name of a projection's weight; group 1 is the modality's word. */
    private static final Pattern PROJECTED =
            Pattern.compile("(?:.*\\.)?(\\w{1,100})" + Pattern.quote(ParameterNames.weight(PROJECTION)));

    /** The table with an embedding per position in a row's concatenated tokens. */
    static final Table ROW_POSITIONS = new Table("position_embeddings.weight", "position embeddings of the row", 1);

    /**
     * A table with one embedding per row.
     *
     * @param role what it is, in plain words
     * @param rows how many rows the model uses; the table may have more
     */
    record Table(String name, String role, int rows) {
        Row row(int row) {
            return new Row(this, row);
        }
    }

    /** One row of a table, which is added to all tokens of a modality. */
    record Row(Table table, int row) {}

    /**
     * A projection.
     *
     * @param norm the norm of its output, or null
     */
    record Projection(ParameterNames linear, ParameterNames norm) {}

    static ModalityNames projection(ParameterNames projection) {
        return new ModalityNames(
                null,
                projection == null ? null : new Projection(projection, null),
                null,
                List.of(),
                null,
                null,
                List.of());
    }

    /** The usual names of a projection and its norm, for dialects without other names. */
    static ModalityNames usual(String modality) {
        Projection projection = new Projection(
                ParameterNames.of(WORDS.getOrDefault(modality, modality) + PROJECTION), projectionNorm(modality));
        return new ModalityNames(null, projection, null, List.of(), null, null, List.of());
    }

    /** The modality whose projection, under its usual name, has this tensor as its weight. */
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

    /** The table with an embedding per modality. */
    static Table modalities(int count) {
        return new Table("modality_embeddings.weight", "modality embeddings", count);
    }

    /** The table with an embedding per position within a modality, under its usual name. */
    static Table positions(String modality) {
        return new Table("position_embeddings." + modality + ".weight", "position embeddings of '" + modality + "'", 1);
    }

    /** The table with an embedding per word of a vocabulary, under its usual name. */
    static Table words(ModalityConfig modality) {
        return new Table(
                "word_embeddings." + modality.name() + ".weight",
                "word embeddings of '" + modality.name() + "'",
                modality.vocabularySize());
    }

    /** The projection of boxes, under its usual name. */
    static Projection boxes(String modality) {
        return new Projection(
                ParameterNames.of("box_projection." + modality + ".*"),
                ParameterNames.of("box_norm." + modality + ".*"));
    }

    /** The norm of the projection's output, under its usual name. */
    private static ParameterNames projectionNorm(String modality) {
        return ParameterNames.of("projection_norm." + modality + ".*");
    }

    /** The norm of a modality's tokens before they enter the encoder, under its usual name. */
    static ParameterNames embeddingNorm(String modality) {
        return ParameterNames.of("embedding_norm." + modality + ".*");
    }

    ModalityNames withWords(Table table) {
        return new ModalityNames(table, projection, boxes, rows, positions, norm, rowsAfterNorm);
    }

    ModalityNames withBoxes(Projection ofBoxes) {
        return new ModalityNames(words, projection, ofBoxes, rows, positions, norm, rowsAfterNorm);
    }

    ModalityNames withNorm(ParameterNames part) {
        return new ModalityNames(words, projection, boxes, rows, positions, part, rowsAfterNorm);
    }

    ModalityNames withRow(Row row) {
        return new ModalityNames(words, projection, boxes, List.of(row), positions, norm, rowsAfterNorm);
    }

    ModalityNames withPositions(Table table) {
        return new ModalityNames(words, projection, boxes, rows, table, norm, rowsAfterNorm);
    }
}
