package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.Inspection;
import dev.braid.checkpoint.Interleaving;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.PlacedTensor;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.ProjectionWeights;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StateDictReading;
import dev.braid.checkpoint.StreamConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** What Braid understood of a model, as text: its files, its architecture, its cost, its tensors and what is unused. */
record ModelSummary(Inspection inspection) {
    private static final int MOST_ALIASES = 5;

    @Override
    public String toString() {
        ModelConfig config = inspection.checkpoint().config();
        return Stream.of(
                        Stream.of(architecture(), modalities()),
                        config.takesVectors() ? Stream.of(new VectorSummary(config).steps()) : Stream.empty(),
                        Stream.of(
                                new ModelCost(inspection.checkpoint()).table(),
                                tensors(),
                                new UnusedTensors(inspection.unused())))
                .flatMap(tables -> tables)
                .map(Object::toString)
                .collect(Collectors.joining("\n\n"));
    }

    /** Which file was read, and what was done to the names in it. */
    private TextTable reading() {
        StateDictReading reading = inspection.reading();
        TextTable table = TextTable.plain().add("weights", reading.file());
        if (!reading.removed().isEmpty()) {
            table.add("removed from names", String.join(", ", reading.removed()));
        }
        if (reading.renamedNorms() > 0) {
            table.add(
                    "gamma and beta",
                    "read as weight and bias of " + Numbers.count(reading.renamedNorms()) + " LayerNorms");
        }
        List<String> aliases = new TreeMap<>(reading.aliases())
                .entrySet().stream()
                        .map(alias -> alias.getKey() + " is " + alias.getValue())
                        .toList();
        for (int i = 0; i < Math.min(aliases.size(), MOST_ALIASES); i++) {
            table.add(i == 0 ? "stored once" : "", aliases.get(i));
        }
        if (aliases.size() > MOST_ALIASES) {
            table.add("", "and " + Numbers.count(aliases.size() - MOST_ALIASES) + " more");
        }
        return table;
    }

    private TextTable architecture() {
        ModelConfig config = inspection.checkpoint().config();
        ModelWeights weights = inspection.checkpoint().weights();
        TextTable table = reading()
                .add("dialect", inspection.dialect())
                .add("hidden size", Integer.toString(config.hiddenSize()));
        if (config.takesVectors()) {
            return table;
        }
        if (config.streams().size() > 1) {
            addStreams(table, config);
        }
        for (int stack = 0; stack < config.stacks().size(); stack++) {
            StackConfig stackConfig = config.stacks().get(stack);
            LayerConfig layer = stackConfig.layer();
            if (config.streams().size() > 1) {
                table.add(
                        "stack " + stack,
                        describe(stackConfig, config) + alternating(stack, stackConfig.interleaving()));
            }
            table.add("layers", Integer.toString(stackConfig.layers()))
                    .add("heads", layer.heads() + " of size " + layer.headSize() + keyValueHeads(layer))
                    .add("intermediate size", layer.intermediateSize() + (layer.gatedFeedForward() ? ", gated" : ""))
                    .add("activation", layer.activation().configName())
                    .add(
                            "norm order",
                            (layer.normFirst() ? "pre-norm" : "post-norm")
                                    + (layer.normType() == NormType.RMS_NORM ? ", RMSNorm" : ""))
                    .add("layer norm eps", Numbers.brief(layer.layerNormEps()))
                    .add("attention output projection", yes(layer.attentionOutputProjection()))
                    .add("final LayerNorm", yes(weights.stacks().get(stack).finalNorm() != null));
        }
        if (config.streams().size() == 1) {
            table.add("CLS token", yes(config.clsToken()))
                    .add("embedding LayerNorm", yes(weights.streams().get(0).norm() != null));
        }
        if (config.positions().areOfRow() || config.positions().embeddings().areSinusoids()) {
            table.add("positions", positions(config.positions()));
        }
        return table.add("pooling", pooling(config, weights));
    }

    private static String keyValueHeads(LayerConfig layer) {
        return layer.keyValueHeads() == layer.heads() ? "" : ", " + layer.keyValueHeads() + " of keys and values";
    }

    private static String positions(PositionConfig positions) {
        List<String> kinds = new ArrayList<>();
        if (positions.embeddings() != PositionEmbeddings.NONE && positions.embeddings() != PositionEmbeddings.LEARNED) {
            kinds.add(positions.embeddings().configName());
        }
        if (positions.rotary() != null) {
            kinds.add("rotary " + positions.rotary().pairs().configName() + " with theta "
                    + Numbers.brief(positions.rotary().theta()));
        }
        return String.join(", ", kinds) + "; at most " + positions.maxPositions();
    }

    private static void addStreams(TextTable table, ModelConfig config) {
        for (int stream = 0; stream < config.streams().size(); stream++) {
            StreamConfig streamConfig = config.streams().get(stream);
            String groups = config.groups(stream).stream()
                    .map(group -> group.isLearned()
                            ? Numbers.plain(group.learned(), "learned token")
                            : "'" + group.name() + "'")
                    .collect(Collectors.joining(", "));
            table.add(
                    "stream '" + streamConfig.name() + "'",
                    made(streamConfig, config).orElse(groups) + ", of size " + streamConfig.hiddenSize());
        }
        table.add(
                "fused tokens",
                config.output().stream()
                        .map(stream -> "'" + config.streams().get(stream).name() + "'")
                        .collect(Collectors.joining(", ")));
    }

    /** How a stream is made of other streams; empty if it is not, or if their tokens simply follow each other. */
    private static Optional<String> made(StreamConfig stream, ModelConfig config) {
        String parts = stream.joined().stream()
                .map(part -> "'" + config.streams().get(part).name() + "'")
                .collect(Collectors.joining(", "));
        return switch (stream.joining()) {
            case TOKENS -> Optional.empty();
            case FEATURES -> Optional.of(parts + " side by side");
            case POOLED -> Optional.of(parts + " pooled by " + stream.pooling().configName());
        };
    }

    private static String describe(StackConfig stack, ModelConfig config) {
        String queries = "'" + config.streams().get(stack.stream()).name() + "'";
        String keys = "'" + config.streams().get(stack.memory()).name() + "'";
        return stack.kind().configName() + " on " + queries
                + (stack.kind().attendsToMemory() ? ", which attends to " + keys : "");
    }

    /** The other stacks with which the layers of a stack alternate. */
    private static String alternating(int stack, Interleaving interleaving) {
        if (interleaving.stacks() == 1) {
            return "";
        }
        int first = stack - interleaving.index();
        String others = IntStream.range(first, first + interleaving.stacks())
                .filter(other -> other != stack)
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(" and "));
        return ", layer by layer with stack " + others + (interleaving.isBottleneck() ? ", with a bottleneck" : "");
    }

    private static String pooling(ModelConfig config, ModelWeights weights) {
        boolean unusedPooler = weights.pooler() != null && config.pooling() != Pooling.POOLER;
        return config.pooling().configName() + (unusedPooler ? " (--pooling pooler is there too)" : "");
    }

    /** The modalities, in token order. */
    private TextTable modalities() {
        TextTable table = TextTable.headed("modality", "feature size", "longest", "becomes a token by");
        ModelConfig config = inspection.checkpoint().config();
        for (int m = 0; m < config.modalities().size(); m++) {
            ModalityConfig modality = config.modalities().get(m);
            boolean limited = modality.maxPositions() != ModalityConfig.UNLIMITED;
            table.add(
                    modality.name(),
                    size(modality),
                    limited ? Integer.toString(modality.maxPositions()) : "any",
                    embedding(
                            modality,
                            inspection.checkpoint().weights().modalities().get(m)));
        }
        return table;
    }

    private static String size(ModalityConfig modality) {
        String words = "ids of " + Numbers.count(modality.vocabularySize()) + " words";
        if (modality.tokenIds()) {
            return words;
        }
        return modality.featureSize()
                + (modality.boxes() == null ? "" : " and a box of " + modality.boxSize())
                + (modality.vocabularySize() > 0 ? ", or " + words : "");
    }

    private static String embedding(ModalityConfig modality, ModalityWeights weights) {
        boolean mean = modality.boxes() != null && modality.boxes().fusion() == BoxFusion.MEAN;
        List<String> steps = new ArrayList<>();
        if (weights.words() != null) {
            steps.add("word embedding of an id");
        }
        if (weights.projection() != null) {
            steps.add(projection(weights.projection()));
        } else if (weights.words() == null) {
            steps.add("as it is");
        }
        if (weights.boxes() != null) {
            steps.add((mean ? "mean with " : "+ ") + projection(weights.boxes()) + " of the box");
        }
        if (!weights.rows().isEmpty()) {
            steps.add(rows(weights.rows().size()));
        }
        if (weights.positions() != null) {
            steps.add("+ position row");
        }
        if (weights.norm() != null) {
            steps.add("LayerNorm");
        }
        if (!weights.rowsAfterNorm().isEmpty()) {
            steps.add(rows(weights.rowsAfterNorm().size()));
        }
        return String.join(", ", steps);
    }

    private static String projection(ProjectionWeights weights) {
        return weights.norm() == null ? "Linear" : "Linear and norm";
    }

    private static String rows(int count) {
        return "+ " + count + (count == 1 ? " learned row" : " learned rows");
    }

    private TextTable tensors() {
        TextTable table = TextTable.headed("role", "dtype", "shape", "tensor");
        for (PlacedTensor tensor : inspection.tensors()) {
            table.add(tensor.role(), tensor.dtype().name(), String.valueOf(tensor.shape()), tensor.name());
        }
        return table;
    }

    private static String yes(boolean is) {
        return is ? "yes" : "no";
    }
}
