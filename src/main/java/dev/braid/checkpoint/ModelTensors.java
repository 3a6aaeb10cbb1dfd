package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The tensors of one model: {@link #walk} visits each of them, with its name, role and expected shape. The first walk
 * checks the headers of the files, the second one reads the tensors, so that what is checked is what is read.
 */
final class ModelTensors {
    private final WrittenConfig config;
    private final List<StoredStack> stacks;
    /** Where the first stack is; the names of parts around the layers share its prefix. */
    private final StackLocation location;

    private final Dialect dialect;
    private final Set<String> names;
    private final List<LayerBiases> layerBiases;
    private final EmbeddingTensors embeddings;

    /** What a walk does with each tensor of the model. */
    interface Visitor {
        /** Visits part {@code slice} of {@code slices} of a tensor's rows; returns it, or null if it is not read. */
        StoredTensor visit(ExpectedTensor expected, int slice, int slices);
    }

    ModelTensors(WrittenConfig config, List<StoredStack> stacks, Map<String, TensorEntry> entries) {
        this.config = config;
        this.stacks = stacks;
        this.location = stacks.get(0).location();
        this.dialect = location.dialect();
        this.names = entries.keySet();
        this.layerBiases = stacks.stream()
                .map(stack -> new LayerBiases(stack.location(), names))
                .toList();
        this.embeddings = new EmbeddingTensors(config, location, entries, this::has);
    }

    ModelWeights walk(Visitor visitor) {
        ParameterTensors parts = new ParameterTensors(config, layerBiases, names, visitor);
        List<StoredTensor> learned = embeddings.learnedTokens(visitor);
        List<ModalityWeights> modalities = new ArrayList<>();
        for (int i = 0; i < config.modalities().size(); i++) {
            modalities.add(embeddings.modality(visitor, parts, i, normType(0)));
        }
        NormWeights embeddingNorm = has(OptionalPart.EMBEDDING_LAYER_NORM)
                ? parts.norm(
                        around(dialect.model().embeddingNorm()),
                        "embedding norm",
                        config.hiddenSize(),
                        hidden(),
                        config.falseIfNone(OptionalPart.EMBEDDING_LAYER_NORM),
                        normType(0))
                : null;
        StoredTensor positions = has(OptionalPart.CONCATENATED_POSITION_EMBEDDINGS)
                ? embeddings.positions(
                        visitor, ModalityNames.ROW_POSITIONS, 0, OptionalPart.CONCATENATED_POSITION_EMBEDDINGS)
                : null;
        List<StreamWeights> streams = learned.stream()
                .map(tokens -> new StreamWeights(tokens, positions, embeddingNorm))
                .toList();
        List<StackWeights> layers = new ArrayList<>();
        for (int stack = 0; stack < stacks.size(); stack++) {
            layers.add(stack(parts, stack));
        }
        return new ModelWeights(streams, modalities, layers, pooler(parts));
    }

    private String hidden() {
        return config.source("hidden_size");
    }

    /** Whether the model has an optional part: what the config says, else what the weights show, else what is usual. */
    private boolean has(OptionalPart part) {
        Boolean written = config.parts().get(part);
        if (written != null) {
            return written;
        }
        return switch (part) {
            case ATTENTION_OUTPUT_PROJECTION -> true;
            case GATED_FEED_FORWARD -> dialect.usualKind().gatedFeedForward();
            case FINAL_LAYER_NORM -> hasFinalNorm(0);
            case CLS_TOKEN -> dialect.published() && names.contains(embeddings.clsTokenName());
            default -> false;
        };
    }

    private StackWeights stack(ParameterTensors parts, int stack) {
        LayerTensors tensors = layerTensors(stack);
        List<LayerWeights> layers = new ArrayList<>();
        WrittenStack written = config.stacks().get(stack);
        for (int layer : stacks.get(stack).layers().subSet(written.firstLayer(), written.endLayer())) {
            layers.add(tensors.layer(parts, layer));
        }
        int stream = written.stream();
        NormWeights finalNorm = hasFinalNorm(stack)
                ? parts.norm(
                        finalNorm(stack),
                        "final norm",
                        config.hiddenSize(stream),
                        config.hiddenSource(stream),
                        config.falseIfNone(OptionalPart.FINAL_LAYER_NORM),
                        normType(stack))
                : null;
        return new StackWeights(layers, finalNorm);
    }

    private LayerTensors layerTensors(int stack) {
        return new LayerTensors(
                config,
                config.stacks().get(stack),
                stacks.get(stack),
                stacks.size() > 1 ? "stack " + stack + " " : "",
                names,
                normType(stack),
                has(OptionalPart.ATTENTION_OUTPUT_PROJECTION),
                has(OptionalPart.GATED_FEED_FORWARD));
    }

    /** Problems with keys of the config for which the dialect of the layers has no tensors. */
    List<String> unfitKeys() {
        return IntStream.range(0, stacks.size())
                .boxed()
                .flatMap(stack -> layerTensors(stack).unfitKeys().stream())
                .toList();
    }

    /** The pooler, or null. It is read whenever it is stored, because {@code --pooling} may choose it. */
    private LinearWeights pooler(ParameterTensors parts) {
        String name = around(dialect.model().pooler());
        if (config.pooling() != Pooling.POOLER && !ParameterNames.isStored(name, names)) {
            return null;
        }
        int size = config.hiddenSize(
                config.topology() == null ? 0 : config.topology().output().get(0));
        ParameterTensors.Linear sizes = new ParameterTensors.Linear(
                size, size, hidden(), null, "; choose another 'pooling' where the model has none");
        return parts.linear(ParameterNames.of(name), "", "pooler", sizes);
    }

    private String around(ParameterNames part) {
        return location.around(part, names);
    }

    private boolean hasFinalNorm(int stack) {
        Boolean has = config.parts().get(OptionalPart.FINAL_LAYER_NORM);
        WrittenStack written = config.stacks().get(stack);
        boolean isLast = written.endLayer() == written.layers();
        return isLast && (has == null ? ParameterNames.isStored(finalNorm(stack), names) : has);
    }

    /** The name of the LayerNorm after the last layer of a stack. */
    private String finalNorm(int stack) {
        StackLocation of = stacks.get(stack).location();
        return of.dialect().model().finalNorm().in(names, of.prefix());
    }

    /** Modalities that do not exist in a dialect with fixed modalities, by index. */
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

    /** Whether a config in this project's own format says that the model lacks a part. */
    boolean saysItLacks(OptionalPart part) {
        return config.model() == null && Boolean.FALSE.equals(config.parts().get(part));
    }

    /** The value in the config that says that the model lacks a part, for an error message. */
    String written(OptionalPart part) {
        PositionEmbeddings embeddings = config.positions().embeddings();
        boolean named = part.configName().equals(PositionKeys.EMBEDDINGS) && embeddings != PositionEmbeddings.NONE;
        return named ? Quote.of(embeddings.configName()) : "false";
    }

    /** The stored tensors of an optional part that the config says the model lacks. */
    Stream<String> storedThoughLacking(OptionalPart part) {
        if (has(part) || config.model() != null) {
            return Stream.empty();
        }
        Dialect.ModelNames model = dialect.model();
        Stream<String> parts = switch (part) {
            case ATTENTION_OUTPUT_PROJECTION ->
                stacks.get(0).layers().stream()
                        .map(layer ->
                                dialect.layer().attentions().get(0).output().in(names, location.layer(layer)));
            case CLS_TOKEN -> Stream.of(embeddings.clsTokenName());
            case MODALITY_EMBEDDINGS -> Stream.of(embeddings.tableName(ModalityNames.modalities(1)));
            case POSITION_EMBEDDINGS ->
                config.modalities().stream()
                        .map(modality -> embeddings.tableName(ModalityNames.positions(modality.name())));
            case CONCATENATED_POSITION_EMBEDDINGS -> Stream.of(embeddings.tableName(ModalityNames.ROW_POSITIONS));
            case GATED_FEED_FORWARD ->
                stacks.get(0).layers().stream()
                        .flatMap(layer -> Stream.ofNullable(dialect.layer().feedForwardUp())
                                .map(up -> up.in(names, location.layer(layer))));
            case EMBEDDING_LAYER_NORM -> Stream.of(around(model.embeddingNorm()));
            case FINAL_LAYER_NORM -> Stream.of(finalNorm(0));
            case QKV_BIAS -> Stream.empty();
        };
        return parts.flatMap(name -> Stream.of(ParameterNames.weight(name), ParameterNames.bias(name)))
                .distinct()
                .filter(names::contains);
    }

    /** The architecture. Call it only if no problem was reported. */
    ModelConfig config() {
        List<ModalityConfig> modalities = new ArrayList<>();
        for (int i = 0; i < config.modalities().size(); i++) {
            ModalityConfig modality = config.modalities().get(i);
            modalities.add(modality.withVocabulary(embeddings.vocabularySize(i)).withMaxPositions(maxPositions(i)));
        }
        if (config.topology() == null) {
            return ModelConfig.singleStream(
                            modalities, has(OptionalPart.CLS_TOKEN), config.layers(), layerConfig(0), pooling())
                    .withPositions(positionConfig());
        }
        InterleavedStreams streams = new InterleavedStreams(
                config.topology().streams().stream().map(WrittenStream::config).toList());
        List<StackConfig> ofStacks = new ArrayList<>();
        for (int i = 0; i < stacks.size(); i++) {
            WrittenStack stack = config.stacks().get(i);
            ofStacks.add(streams.place(new StackConfig(
                    stack.kind(),
                    stack.stream(),
                    stack.memory(),
                    stack.endLayer() - stack.firstLayer(),
                    layerConfig(i),
                    stack.interleaving())));
        }
        return new ModelConfig(
                modalities, streams.streams(), ofStacks, config.topology().output(), config.positions(), pooling());
    }

    private PositionConfig positionConfig() {
        return has(OptionalPart.CONCATENATED_POSITION_EMBEDDINGS)
                ? config.positions().withTable(embeddings.rowsOf(embeddings.tableName(ModalityNames.ROW_POSITIONS)))
                : config.positions();
    }

    private int maxPositions(int modality) {
        Table positions = embeddings.modalityNames(modality).positions();
        if (positions != null) {
            return embeddings.rowsOf(embeddings.tableName(positions));
        }
        return config.positions().embeddings() == PositionEmbeddings.SINUSOIDAL
                ? config.positions().maxPositions()
                : ModalityConfig.UNLIMITED;
    }

    private NormType normType(int stack) {
        return orUsual(
                config.stacks().get(stack).layer().normType(),
                stacks.get(stack).location().dialect().usualKind().normType());
    }

    private LayerConfig layerConfig(int stack) {
        WrittenLayer layer = config.stacks().get(stack).layer();
        Dialect.LayerKind usual = stacks.get(stack).location().dialect().usualKind();
        return new LayerConfig(
                config.hiddenSize(config.stacks().get(stack).stream()),
                layer.heads(),
                orUsual(layer.keyValueHeads(), layer.heads()),
                Math.max(0, stacks.get(stack).intermediateSize()),
                orUsual(layer.activation(), usual.activation()),
                has(OptionalPart.GATED_FEED_FORWARD),
                orUsual(layer.normFirst(), usual.normFirst()),
                normType(stack),
                orUsual(layer.layerNormEps(), usual.layerNormEps()),
                has(OptionalPart.ATTENTION_OUTPUT_PROJECTION));
    }

    private static <T> T orUsual(T value, T usual) {
        return value == null ? usual : value;
    }

    private Pooling pooling() {
        if (config.pooling() != null) {
            return config.pooling();
        }
        if (!dialect.published()) {
            return Pooling.MEAN;
        }
        return ParameterNames.isStored(around(dialect.model().pooler()), names) ? Pooling.POOLER : Pooling.CLS;
    }
}
