package dev.braid.checkpoint;

import dev.braid.checkpoint.ExpectedTensor.Fit;
import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.checkpoint.ModalityNames.Row;
import dev.braid.checkpoint.ModalityNames.Table;
import dev.braid.checkpoint.ModelTensors.Visitor;
import dev.braid.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The tensors used before the first layer: learned tokens, projections of the modalities, and embeddings that are added
 * to tokens.
 */
final class EmbeddingTensors {
    private static final String WORDS = "word_embeddings";
    private static final String PROJECTION_NORM = "projection_norm";
    private static final String BOX_PROJECTION = "box_projection";
    private static final String BOX_NORM = "box_norm";
    private static final String EMBEDDING_NORM = "embedding_norm";

    /** The parts of a modality that {@code tensor_prefixes} may name, after the modality's name and a dot. */
    static final List<String> PARTS = List.of(WORDS, PROJECTION_NORM, BOX_PROJECTION, BOX_NORM, EMBEDDING_NORM);

    private final WrittenConfig config;
    private final StackLocation location;
    private final Dialect dialect;
    private final Map<String, TensorEntry> entries;
    private final Set<String> names;
    private final Predicate<OptionalPart> has;

    /**
     * The embeddings of one model.
     *
     * @param location where the first stack is; the parts around the layers share its prefix at least in part
     * @param has whether the model has a part
     */
    EmbeddingTensors(
            WrittenConfig config,
            StackLocation location,
            Map<String, TensorEntry> entries,
            Predicate<OptionalPart> has) {
        this.config = config;
        this.location = location;
        this.dialect = location.dialect();
        this.entries = entries;
        this.names = entries.keySet();
        this.has = has;
    }

    /** The learned tokens of each stream; null for a stream without any. */
    List<StoredTensor> learnedTokens(Visitor visitor) {
        List<StoredTensor> learned = new ArrayList<>();
        if (config.topology() == null) {
            learned.add(has.test(OptionalPart.CLS_TOKEN) ? clsToken(visitor) : null);
            return learned;
        }
        for (WrittenStream stream : config.topology().streams()) {
            learned.add(stream.tensor() == null ? null : learnedTokens(visitor, stream));
        }
        return learned;
    }

    private StoredTensor clsToken(Visitor visitor) {
        return visitor.visit(
                new ExpectedTensor(
                        clsTokenName(),
                        "CLS token",
                        Shape.of(config.hiddenSize()),
                        Fit.ELEMENTS,
                        config.source("hidden_size"),
                        true,
                        config.falseIfNone(OptionalPart.CLS_TOKEN)),
                0,
                1);
    }

    private static StoredTensor learnedTokens(Visitor visitor, WrittenStream stream) {
        StreamConfig of = stream.config();
        return visitor.visit(
                new ExpectedTensor(
                        stream.tensor(),
                        "learned tokens of '" + of.name() + "'",
                        Shape.of(of.learnedTokens(), of.hiddenSize()),
                        Fit.ELEMENTS,
                        "learned_tokens and hidden_size of stream '" + of.name() + "' in config.json",
                        true,
                        ""),
                0,
                1);
    }

    String clsTokenName() {
        return around(dialect.model().clsToken());
    }

    ModalityNames modalityNames(int index) {
        ModalityConfig modality = config.modalities().get(index);
        String name = modality.name();
        ModalityNames usual = dialect.model().modality(name);
        if (usual.words() == null && modality.tokenIds()) {
            usual = usual.withWords(ModalityNames.words(modality));
        }
        boolean projectsBoxes = modality.boxes() != null && modality.boxes().fusion() != BoxFusion.CONCATENATE;
        if (usual.boxes() == null && projectsBoxes) {
            usual = usual.withBoxes(ModalityNames.boxes(name));
        }
        if (usual.norm() == null && !dialect.published()) {
            usual = usual.withNorm(ModalityNames.embeddingNorm(name));
        }
        ModalityNames withRow = has.test(OptionalPart.MODALITY_EMBEDDINGS)
                ? usual.withRow(
                        ModalityNames.modalities(config.modalities().size()).row(index))
                : usual;
        return has.test(OptionalPart.POSITION_EMBEDDINGS) && config.positions().hasTable(name)
                ? withRow.withPositions(ModalityNames.positions(name))
                : withRow;
    }

    /** The weights that turn one modality's features or token ids into tokens. */
    ModalityWeights modality(Visitor visitor, ParameterTensors tensors, int index, NormType normType) {
        ModalityConfig modality = config.modalities().get(index);
        ModalityNames parts = modalityNames(index);
        int stream = config.streamOf(index);
        return new ModalityWeights(
                modality.tokenIds() ? words(visitor, modality, parts.words()) : null,
                parts.projection() == null ? null : projection(tensors, modality, parts.projection(), stream, normType),
                parts.boxes() == null ? null : boxes(tensors, modality, parts.boxes(), stream, normType),
                rows(visitor, parts.rows(), stream),
                parts.positions() == null
                        ? null
                        : positions(visitor, parts.positions(), stream, OptionalPart.POSITION_EMBEDDINGS),
                norm(tensors, modality, parts.norm(), EMBEDDING_NORM, stream, normType),
                rows(visitor, parts.rowsAfterNorm(), stream));
    }

    private StoredTensor words(Visitor visitor, ModalityConfig modality, Table table) {
        boolean own = config.model() == null;
        String prefix = config.tensorPrefixes().get(modality.name() + "." + WORDS);
        ExpectedTensor expected = new ExpectedTensor(
                ParameterNames.weight(name(prefix, ParameterNames.of(table.name()))),
                table.role(),
                Shape.of(table.rows(), modality.featureSize()),
                own ? Fit.EXACT : Fit.ROWS,
                own
                        ? "vocab_size and feature_size of '" + modality.name() + "' in config.json"
                        : config.source("hidden_size"),
                true,
                own
                        ? sayWhere(prefix, modality.name() + "." + WORDS)
                        : "; pass features of '" + modality.name() + "' instead of token ids");
        return visitor.visit(expected, 0, 1);
    }

    /** The number of rows of a modality's word embeddings; 0 if none are stored. */
    int vocabularySize(int index) {
        Table table = modalityNames(index).words();
        String prefix =
                config.tensorPrefixes().get(config.modalities().get(index).name() + "." + WORDS);
        String name = table == null ? null : ParameterNames.weight(name(prefix, ParameterNames.of(table.name())));
        return name != null && names.contains(name) ? rowsOf(name) : 0;
    }

    private ProjectionWeights projection(
            ParameterTensors tensors, ModalityConfig modality, Projection usual, int stream, NormType normType) {
        String prefix = config.tensorPrefixes().get(modality.name());
        String name = name(prefix, usual.linear());
        boolean mayLack = !dialect.published()
                && prefix == null
                && modality.boxes() == null
                && modality.featureSize() == config.hiddenSize(stream);
        if (mayLack && !ParameterNames.isStored(name, names)) {
            return null;
        }
        ParameterTensors.Linear sizes = new ParameterTensors.Linear(
                config.hiddenSize(stream),
                modality.projectedSize(),
                config.projectionSource(modality),
                null,
                sayWhere(prefix, modality.name()));
        return new ProjectionWeights(
                tensors.linear(ParameterNames.of(name), "", "projection of '" + modality.name() + "'", sizes),
                norm(tensors, modality, usual.norm(), PROJECTION_NORM, stream, normType));
    }

    private ProjectionWeights boxes(
            ParameterTensors tensors, ModalityConfig modality, Projection usual, int stream, NormType normType) {
        String key = modality.name() + "." + BOX_PROJECTION;
        String prefix = config.tensorPrefixes().get(key);
        ParameterTensors.Linear sizes = new ParameterTensors.Linear(
                config.hiddenSize(stream), modality.boxSize(), config.boxSource(modality), null, sayWhere(prefix, key));
        return new ProjectionWeights(
                tensors.linear(
                        ParameterNames.of(name(prefix, usual.linear())),
                        "",
                        "box projection of '" + modality.name() + "'",
                        sizes),
                norm(tensors, modality, usual.norm(), BOX_NORM, stream, normType));
    }

    /**
     * A norm of a modality, or null. A published model has it if its dialect names it; any other model has it if it is
     * stored or {@code tensor_prefixes} names it.
     */
    private NormWeights norm(
            ParameterTensors tensors,
            ModalityConfig modality,
            ParameterNames usual,
            String part,
            int stream,
            NormType normType) {
        if (usual == null) {
            return null;
        }
        String prefix = config.tensorPrefixes().get(modality.name() + "." + part);
        String name = name(prefix, usual);
        String role = part.replace('_', ' ') + " of '" + modality.name() + "'";
        return dialect.published() || prefix != null || ParameterNames.isStored(name, names)
                ? tensors.norm(name, role, config.hiddenSize(stream), config.hiddenSource(stream), "", normType)
                : null;
    }

    private String name(String prefix, ParameterNames usual) {
        return prefix == null ? around(usual) : prefix.isEmpty() ? "*" : prefix + ".*";
    }

    private String sayWhere(String prefix, String key) {
        return prefix != null || config.model() != null ? "" : "; say where it is in tensor_prefixes." + key;
    }

    private List<StoredTensor> rows(Visitor visitor, List<Row> rows, int stream) {
        return rows.stream()
                .map(row -> row(visitor, row, stream))
                .filter(Objects::nonNull)
                .toList();
    }

    private StoredTensor row(Visitor visitor, Row row, int stream) {
        String name = tableName(row.table());
        boolean huggingFace = config.model() != null;
        ExpectedTensor table = new ExpectedTensor(
                name,
                row.table().role(),
                Shape.of(row.table().rows(), config.hiddenSize(stream)),
                huggingFace ? Fit.ROWS : Fit.EXACT,
                huggingFace ? config.source("hidden_size") : "modalities and " + config.hiddenSource(stream),
                true,
                config.falseIfNone(OptionalPart.MODALITY_EMBEDDINGS));
        return visitor.visit(table, row.row(), rowsOf(name));
    }

    /** The number of rows of a stored table; 1 if it is not stored. */
    int rowsOf(String table) {
        TensorEntry entry = entries.get(table);
        return entry == null || entry.shape().rank() == 0
                ? 1
                : (int) Math.min(Integer.MAX_VALUE - 1, entry.shape().dimension(0));
    }

    /** A table with a row per position, as wide as the hidden size of a stream. */
    StoredTensor positions(Visitor visitor, Table table, int stream, OptionalPart part) {
        ExpectedTensor expected = new ExpectedTensor(
                tableName(table),
                table.role(),
                Shape.of(1, config.hiddenSize(stream)),
                Fit.ROWS,
                config.hiddenSource(stream),
                true,
                config.falseIfNone(part));
        return visitor.visit(expected, 0, 1);
    }

    /** The name under which a table around the layers is stored, or the usual one. */
    String tableName(Table table) {
        return around(ParameterNames.of(table.name()));
    }

    private String around(ParameterNames part) {
        return location.around(part, names);
    }
}
