package dev.braid.checkpoint;

import dev.braid.checkpoint.ExpectedTensor.Fit;
import dev.braid.checkpoint.ModalityNames.Row;
import dev.braid.checkpoint.ModalityNames.Table;
import dev.braid.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The tensors of one model: a single walk over its parts says every name, role and expected shape. Taken once to fill the
 * registry that is checked against the files' headers, and once more to read, so that what is checked is what is read.
 */
final class ModelTensors {
    private final WrittenConfig config;
    private final StoredEncoder stored;
    private final Encoder encoder;
    private final Dialect dialect;
    private final Map<String, TensorEntry> entries;
    private final Set<String> names;
    private final String hidden;
    private final LayerBiases layerBiases;

    /** What a walk does with each tensor of the model. */
    interface Visitor {
        /** Part {@code slice} of {@code slices} of the tensor's rows, or null. */
        StoredTensor visit(ExpectedTensor expected, int slice, int slices);
    }

    ModelTensors(WrittenConfig config, StoredEncoder stored, Map<String, TensorEntry> entries) {
        this.config = config;
        this.stored = stored;
        this.encoder = stored.encoder();
        this.dialect = encoder.dialect();
        this.entries = entries;
        this.names = entries.keySet();
        this.hidden = config.source("hidden_size");
        this.layerBiases = new LayerBiases(encoder, names);
    }

    ModelWeights walk(Visitor visitor) {
        Dialect.ModelNames model = dialect.model();
        StoredTensor clsToken = has(OptionalPart.CLS_TOKEN) ? clsToken(visitor) : null;
        List<ModalityWeights> modalities = new ArrayList<>();
        for (int i = 0; i < config.modalities().size(); i++) {
            modalities.add(modality(visitor, i));
        }
        NormWeights embeddingNorm = has(OptionalPart.EMBEDDING_LAYER_NORM)
                ? norm(visitor, around(model.embeddingNorm()), "embedding norm", OptionalPart.EMBEDDING_LAYER_NORM)
                : null;
        List<LayerWeights> layers = new ArrayList<>();
        for (int layer : stored.layers()) {
            layers.add(layer(visitor, layer));
        }
        NormWeights finalNorm = has(OptionalPart.FINAL_LAYER_NORM)
                ? norm(visitor, finalNorm(), "final norm", OptionalPart.FINAL_LAYER_NORM)
                : null;
        return new ModelWeights(clsToken, modalities, embeddingNorm, layers, finalNorm, pooler(visitor));
    }

    /** Whether the model has a part: as the config says, else as the weights do, else as is usual. */
    private boolean has(OptionalPart part) {
        Boolean written = config.parts().get(part);
        if (written != null) {
            return written;
        }
        return switch (part) {
            case ATTENTION_OUTPUT_PROJECTION -> true;
            case FINAL_LAYER_NORM -> Part.isStored(finalNorm(), names);
            case CLS_TOKEN -> dialect.published() && names.contains(clsTokenName());
            default -> false;
        };
    }

    private StoredTensor clsToken(Visitor visitor) {
        return visitor.visit(
                new ExpectedTensor(
                        clsTokenName(),
                        "CLS token",
                        Shape.of(config.hiddenSize()),
                        Fit.ELEMENTS,
                        hidden,
                        true,
                        falseIfNone(OptionalPart.CLS_TOKEN)),
                0,
                1);
    }

    private String clsTokenName() {
        return around(dialect.model().clsToken());
    }

    private ModalityNames modalityNames(int index) {
        String name = config.modalities().get(index).name();
        ModalityNames usual = dialect.model().modality(name);
        ModalityNames withRow = has(OptionalPart.MODALITY_EMBEDDINGS)
                ? usual.withRow(
                        ModalityNames.modalities(config.modalities().size()).row(index))
                : usual;
        return has(OptionalPart.POSITION_EMBEDDINGS) ? withRow.withPositions(ModalityNames.positions(name)) : withRow;
    }

    private ModalityWeights modality(Visitor visitor, int index) {
        ModalityConfig modality = config.modalities().get(index);
        ModalityNames parts = modalityNames(index);
        return new ModalityWeights(
                projection(visitor, modality, parts.projection()),
                rows(visitor, parts.rows()),
                parts.positions() == null ? null : positions(visitor, parts.positions()),
                parts.norm() == null
                        ? null
                        : norm(visitor, around(parts.norm()), "norm of '" + modality.name() + "'", null),
                rows(visitor, parts.rowsAfterNorm()));
    }

    private LinearWeights projection(Visitor visitor, ModalityConfig modality, Part usual) {
        if (usual == null) {
            return null;
        }
        String prefix = config.tensorPrefixes().get(modality.name());
        String name = prefix == null ? around(usual) : prefix.isEmpty() ? "*" : prefix + ".*";
        boolean mayLack = !dialect.published() && prefix == null && modality.featureSize() == config.hiddenSize();
        if (mayLack && !Part.isStored(name, names)) {
            return null;
        }
        String source = config.projectionSource(modality.name());
        String nextStep = prefix != null || config.model() != null
                ? ""
                : "; say where it is in tensor_prefixes." + modality.name();
        Linear sizes = new Linear(config.hiddenSize(), modality.featureSize(), source, null, nextStep);
        return linear(visitor, Part.of(name), "", "projection of '" + modality.name() + "'", sizes);
    }

    private List<StoredTensor> rows(Visitor visitor, List<Row> rows) {
        return rows.stream()
                .map(row -> row(visitor, row))
                .filter(Objects::nonNull)
                .toList();
    }

    private StoredTensor row(Visitor visitor, Row row) {
        String name = around(Part.of(row.table().name()));
        boolean huggingFace = config.model() != null;
        ExpectedTensor table = new ExpectedTensor(
                name,
                row.table().role(),
                Shape.of(row.table().rows(), config.hiddenSize()),
                huggingFace ? Fit.ROWS : Fit.EXACT,
                huggingFace ? hidden : "modalities and " + hidden,
                true,
                falseIfNone(OptionalPart.MODALITY_EMBEDDINGS));
        return visitor.visit(table, row.row(), rowsOf(name));
    }

    private int rowsOf(String table) {
        TensorEntry entry = entries.get(table);
        return entry == null || entry.shape().rank() == 0
                ? 1
                : (int) Math.min(Integer.MAX_VALUE - 1, entry.shape().dimension(0));
    }

    private StoredTensor positions(Visitor visitor, Table table) {
        ExpectedTensor expected = new ExpectedTensor(
                around(Part.of(table.name())),
                table.role(),
                Shape.of(1, config.hiddenSize()),
                Fit.ROWS,
                hidden,
                true,
                falseIfNone(OptionalPart.POSITION_EMBEDDINGS));
        return visitor.visit(expected, 0, 1);
    }

    private LayerWeights layer(Visitor visitor, int number) {
        int d = config.hiddenSize();
        int f = stored.intermediateSize();
        LayerNames parts = dialect.layer();
        String prefix = encoder.layer(number);
        String role = "layer " + number + " ";
        Boolean qkvBias = config.parts().get(OptionalPart.QKV_BIAS);
        boolean fused = parts.query().slices() > 1;
        Linear attention = new Linear(d, d, hidden, qkvBias, "");
        Linear output = new Linear(d, d, hidden, null, falseIfNone(OptionalPart.ATTENTION_OUTPUT_PROJECTION));
        String fed = stored.intermediateSource() + " and " + hidden;
        return new LayerWeights(
                linear(visitor, parts.query(), prefix, role + (fused ? "query, key and value" : "query"), attention),
                linear(visitor, parts.key(), prefix, role + (fused ? "query, key and value" : "key"), attention),
                linear(visitor, parts.value(), prefix, role + (fused ? "query, key and value" : "value"), attention),
                has(OptionalPart.ATTENTION_OUTPUT_PROJECTION)
                        ? linear(visitor, parts.output(), prefix, role + "attention output", output)
                        : null,
                linear(visitor, parts.feedForward1(), prefix, role + "feed-forward 1", new Linear(f, d, fed, null, "")),
                linear(visitor, parts.feedForward2(), prefix, role + "feed-forward 2", new Linear(d, f, fed, null, "")),
                norm(visitor, parts.norm1().in(names, prefix), role + "attention norm", null),
                norm(visitor, parts.norm2().in(names, prefix), role + "feed-forward norm", null));
    }

    /** The pooler is the model's wherever it is stored, since {@code --pooling} may choose it. */
    private LinearWeights pooler(Visitor visitor) {
        String name = around(dialect.model().pooler());
        if (config.pooling() != Pooling.POOLER && !Part.isStored(name, names)) {
            return null;
        }
        Linear sizes = new Linear(
                config.hiddenSize(),
                config.hiddenSize(),
                hidden,
                null,
                "; choose another 'pooling' where the model has none");
        return linear(visitor, Part.of(name), "", "pooler", sizes);
    }

    /**
     * A Linear of certain sizes.
     *
     * @param bias whether it has a bias, or null where the weights say that
     */
    private record Linear(long out, long in, String source, Boolean bias, String nextStep) {}

    private LinearWeights linear(Visitor visitor, Part part, String prefix, String role, Linear linear) {
        String name = part.in(names, prefix);
        long rows = linear.out() * part.slices();
        ExpectedTensor weight = new ExpectedTensor(
                Part.weight(name),
                role + " weight",
                Shape.of(rows, linear.in()),
                Fit.EXACT,
                linear.source(),
                true,
                linear.nextStep());
        return new LinearWeights(
                visitor.visit(weight, part.slice(), part.slices()),
                Boolean.FALSE.equals(linear.bias())
                        ? null
                        : visitor.visit(
                                bias(name, role, Shape.of(rows), linear.source()), part.slice(), part.slices()));
    }

    private NormWeights norm(Visitor visitor, String name, String role, OptionalPart part) {
        Shape shape = Shape.of(config.hiddenSize());
        String nextStep = part == null ? "" : falseIfNone(part);
        return new NormWeights(
                visitor.visit(
                        new ExpectedTensor(
                                Part.weight(name), role + " weight", shape, Fit.EXACT, hidden, true, nextStep),
                        0,
                        1),
                visitor.visit(bias(name, role, shape, hidden), 0, 1));
    }

    /** A bias may be absent where a module can be made without one; around the layers of a published model, none can. */
    private ExpectedTensor bias(String part, String role, Shape shape, String source) {
        String name = Part.bias(part);
        boolean amongOthers = config.model() == null && layerBiases.contains(name);
        boolean required = config.model() != null || amongOthers || (dialect.published() && encoder.layerOf(name) < 0);
        String nextStep = amongOthers ? "; other biases of the layers are stored" : "";
        return new ExpectedTensor(name, role + " bias", shape, Fit.EXACT, source, required, nextStep);
    }

    private String around(Part part) {
        return encoder.around(part, names);
    }

    private String finalNorm() {
        return dialect.model().finalNorm().in(names, encoder.prefix());
    }

    /** The next step where a part is missing that a config of this project asks for. */
    private String falseIfNone(OptionalPart part) {
        return config.model() == null ? "; set " + part.configName() + " to false where the model has none" : "";
    }

    /** The modalities that the dialect has no names for, though it names its modalities itself; by their place. */
    Map<Integer, String> unknownModalities() {
        Map<Integer, String> unknown = new TreeMap<>();
        for (int i = 0; i < config.modalities().size(); i++) {
            String name = config.modalities().get(i).name();
            if (!dialect.model().knows(name)) {
                unknown.put(i, name);
            }
        }
        return unknown;
    }

    /** Whether the config itself says that the model lacks a part. */
    boolean saysItLacks(OptionalPart part) {
        return config.model() == null && Boolean.FALSE.equals(config.parts().get(part));
    }

    /** The stored tensors of a part that the model lacks, though a model of this dialect would have them there. */
    Stream<String> storedThoughLacking(OptionalPart part) {
        if (has(part) || config.model() != null) {
            return Stream.empty();
        }
        Dialect.ModelNames model = dialect.model();
        Stream<String> parts = switch (part) {
            case ATTENTION_OUTPUT_PROJECTION ->
                stored.layers().stream().map(layer -> dialect.layer().output().in(names, encoder.layer(layer)));
            case CLS_TOKEN -> Stream.of(clsTokenName());
            case MODALITY_EMBEDDINGS ->
                Stream.of(around(Part.of(ModalityNames.modalities(1).name())));
            case POSITION_EMBEDDINGS ->
                config.modalities().stream()
                        .map(modality -> around(
                                Part.of(ModalityNames.positions(modality.name()).name())));
            case EMBEDDING_LAYER_NORM -> Stream.of(around(model.embeddingNorm()));
            case FINAL_LAYER_NORM -> Stream.of(finalNorm());
            case QKV_BIAS -> Stream.empty();
        };
        return parts.flatMap(name -> Stream.of(Part.weight(name), Part.bias(name)))
                .distinct()
                .filter(names::contains);
    }

    /** The architecture, once nothing is broken. */
    ModelConfig config() {
        List<ModalityConfig> modalities = new ArrayList<>();
        for (int i = 0; i < config.modalities().size(); i++) {
            ModalityConfig modality = config.modalities().get(i);
            Table positions = modalityNames(i).positions();
            modalities.add(
                    positions == null
                            ? modality
                            : new ModalityConfig(
                                    modality.name(),
                                    modality.featureSize(),
                                    rowsOf(around(Part.of(positions.name())))));
        }
        Dialect.LayerKind usual = dialect.usualKind();
        return new ModelConfig(
                modalities,
                config.hiddenSize(),
                config.layers(),
                config.heads(),
                stored.intermediateSize(),
                written(config.activation(), usual.activation()),
                written(config.normFirst(), usual.normFirst()),
                written(config.layerNormEps(), usual.layerNormEps()),
                has(OptionalPart.ATTENTION_OUTPUT_PROJECTION),
                has(OptionalPart.CLS_TOKEN),
                pooling());
    }

    private static <T> T written(T value, T usual) {
        return value == null ? usual : value;
    }

    private Pooling pooling() {
        if (config.pooling() != null) {
            return config.pooling();
        }
        if (!dialect.published()) {
            return Pooling.MEAN;
        }
        return Part.isStored(around(dialect.model().pooler()), names) ? Pooling.POOLER : Pooling.CLS;
    }
}
