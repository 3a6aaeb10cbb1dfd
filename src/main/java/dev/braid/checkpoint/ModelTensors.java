package dev.braid.checkpoint;

import dev.braid.checkpoint.TensorNames.Encoder;
import dev.braid.checkpoint.TensorNames.LayerNames.Part;
import dev.braid.tensor.Shape;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The tensors of one model: a single walk over its parts says every name and expected shape. Taken once to fill the
 * registry that is checked against the file's header, and once more to read, so that what is checked is what is read.
 */
final class ModelTensors {
    private static final String FILE = CheckpointReader.WEIGHTS;
    private static final String HIDDEN = "hidden_size in config.json";

    /** Stands in a shape where the intermediate size is not known, which is a problem of its own. */
    private static final int UNKNOWN = 0;

    private final WrittenConfig config;
    private final SafetensorsFile file;
    private final Map<String, TensorEntry> entries;
    private final List<String> problems;
    private final Set<String> used = new HashSet<>();

    private Encoder encoder;
    private int intermediateSize = UNKNOWN;
    private String intermediateSource;

    /** What one tensor has to be; a tensor that is not required may be absent. */
    private record Expected(String name, Shape shape, String source, boolean required, String nextStep) {

        /** Whether the intermediate size, where the shape has it, is known. */
        boolean sized() {
            return IntStream.range(0, shape.rank()).noneMatch(axis -> shape.dimension(axis) == UNKNOWN);
        }
    }

    /** What a walk does with each tensor of the model. */
    private interface Visitor {
        /** Part {@code slice} of {@code slices} of the tensor's rows, or null. */
        StoredTensor visit(Expected expected, int slice, int slices);
    }

    ModelTensors(WrittenConfig config, SafetensorsFile file, List<String> problems) {
        this.config = config;
        this.file = file;
        this.entries = file.entries();
        this.problems = problems;
    }

    /** The size between the two Linears of a feed-forward, as the weights have it; known after a check. */
    int intermediateSize() {
        return intermediateSize;
    }

    /** Reports every tensor that is missing, of another shape or type, or not the model's. */
    void check() {
        encoder = findEncoder();
        if (encoder != null) {
            checkLayerNumbers();
            if (!presentLayers().isEmpty()) {
                findIntermediateSize();
            }
            checkNoOutputProjection();
        }
        Set<Expected> registry = new LinkedHashSet<>();
        walk((expected, slice, slices) -> {
            registry.add(expected);
            return null;
        });
        registry.forEach(expected -> used.add(expected.name()));
        registry.forEach(this::check);
        if (encoder != null) {
            checkUnused();
        }
    }

    /** Reads all tensors of a model that was checked without finding a problem; reports values that are not finite. */
    ModelWeights read() {
        return walk((expected, slice, slices) -> {
            TensorEntry entry = entries.get(expected.name());
            if (entry == null) {
                return null;
            }
            StoredTensor tensor = slices == 1 ? file.read(entry.name()) : file.readRows(entry, slice, slices);
            tensor.firstNotFinite()
                    .ifPresent(found -> problems.add("Cannot load tensor " + Quote.of(tensor.name()) + " from " + FILE
                            + ": expected finite float32 values, got " + found));
            return tensor;
        });
    }

    private ModelWeights walk(Visitor visitor) {
        List<ModalityWeights> modalities = new ArrayList<>();
        for (ModalityConfig modality : config.modalities()) {
            modalities.add(ModalityWeights.of(projection(visitor, modality)));
        }
        List<LayerWeights> layers = new ArrayList<>();
        if (encoder != null) {
            for (int layer : presentLayers()) {
                layers.add(layer(visitor, encoder.layer(layer)));
            }
        }
        return new ModelWeights(null, modalities, null, layers, null, null);
    }

    private LinearWeights projection(Visitor visitor, ModalityConfig modality) {
        String prefix = config.tensorPrefixes().get(modality.name());
        String name = prefix == null ? TensorNames.projection(modality.name()) : join(prefix, "*");
        boolean stored = entries.containsKey(TensorNames.weight(name)) || entries.containsKey(TensorNames.bias(name));
        if (!stored && prefix == null && modality.featureSize() == config.hiddenSize()) {
            return null;
        }
        String source = "hidden_size and feature_size of '" + modality.name() + "' in config.json";
        String nextStep = prefix != null ? "" : "; say where it is in tensor_prefixes." + modality.name();
        return linear(visitor, new Part(name), "", config.hiddenSize(), modality.featureSize(), source, nextStep);
    }

    private LayerWeights layer(Visitor visitor, String prefix) {
        int d = config.hiddenSize();
        int f = intermediateSize;
        TensorNames.LayerNames names = encoder.names();
        String fed = intermediateSource + " and " + HIDDEN;
        String noOutput = "; set attention_output_projection to false where layers have none";
        return new LayerWeights(
                linear(visitor, names.query(), prefix, d, d, HIDDEN, ""),
                linear(visitor, names.key(), prefix, d, d, HIDDEN, ""),
                linear(visitor, names.value(), prefix, d, d, HIDDEN, ""),
                config.attentionOutputProjection()
                        ? linear(visitor, names.output(), prefix, d, d, HIDDEN, noOutput)
                        : null,
                linear(visitor, names.feedForward1(), prefix, f, d, fed, ""),
                linear(visitor, names.feedForward2(), prefix, d, f, fed, ""),
                norm(visitor, names.norm1(), prefix),
                norm(visitor, names.norm2(), prefix));
    }

    private LinearWeights linear(
            Visitor visitor, Part part, String prefix, long out, long in, String source, String nextStep) {
        String name = part.in(entries.keySet(), prefix);
        long rows = out * part.slices();
        Expected weight = new Expected(TensorNames.weight(name), Shape.of(rows, in), source, true, nextStep);
        Expected bias = new Expected(TensorNames.bias(name), Shape.of(rows), source, false, nextStep);
        return new LinearWeights(
                visitor.visit(weight, part.slice(), part.slices()), visitor.visit(bias, part.slice(), part.slices()));
    }

    private NormWeights norm(Visitor visitor, Part part, String prefix) {
        String name = part.in(entries.keySet(), prefix);
        Shape shape = Shape.of(config.hiddenSize());
        return new NormWeights(
                visitor.visit(new Expected(TensorNames.weight(name), shape, HIDDEN, true, ""), 0, 1),
                visitor.visit(new Expected(TensorNames.bias(name), shape, HIDDEN, false, ""), 0, 1));
    }

    private Encoder findEncoder() {
        String prefix = config.tensorPrefixes().get(WrittenConfig.ENCODER);
        Map<Encoder, String> found = TensorNames.encoders(entries.keySet());
        if (prefix != null) {
            found.keySet().removeIf(candidate -> !candidate.prefix().equals(join(prefix, "")));
        }
        if (found.size() == 1) {
            return found.keySet().iterator().next();
        }
        String where = prefix == null ? "" : " under '" + prefix + "' (tensor_prefixes.encoder in config.json)";
        if (found.isEmpty()) {
            problems.add("Cannot find the encoder in " + FILE + ": expected tensors such as "
                    + TensorNames.encoderExamples() + (prefix == null ? " behind any prefix" : where) + ", got none");
        } else {
            problems.add(
                    "Cannot find the encoder in " + FILE + ": expected one" + where + ", got " + found.size() + " ("
                            + found.values().stream().limit(10).map(Quote::of).collect(Collectors.joining(", "))
                            + "); say which in tensor_prefixes.encoder");
        }
        return null;
    }

    /** The numbers of the layers in the file, of which the model may have fewer. */
    private NavigableSet<Integer> storedLayers() {
        NavigableSet<Integer> numbers = new TreeSet<>();
        if (!encoder.stacked()) {
            numbers.add(0);
        }
        entries.keySet().stream()
                .map(encoder::layerOf)
                .filter(layer -> layer >= 0)
                .forEach(numbers::add);
        return numbers;
    }

    private NavigableSet<Integer> presentLayers() {
        return storedLayers().headSet(config.layers(), false);
    }

    /** A layer that is missing or too many altogether is one problem, not one per tensor. */
    private void checkLayerNumbers() {
        NavigableSet<Integer> stored = storedLayers();
        if (stored.size() == config.layers() && stored.last() == config.layers() - 1) {
            return;
        }
        String numbers = stored.stream().limit(20).map(String::valueOf).collect(Collectors.joining(", "));
        problems.add("Cannot load the encoder from " + FILE + ": expected " + config.layers()
                + " layers (num_hidden_layers in config.json), got " + stored.size()
                + (encoder.stacked()
                        ? " (" + Quote.of(encoder.prefix() + "layers.{i}") + " with i = " + numbers + ")"
                        : " without a number"));
        entries.keySet().stream()
                .filter(name -> encoder.layerOf(name) >= config.layers())
                .forEach(used::add);
    }

    private void findIntermediateSize() {
        Part part = encoder.names().feedForward1();
        String looked = "";
        for (int layer : presentLayers()) {
            String name = TensorNames.weight(part.in(entries.keySet(), encoder.layer(layer)));
            looked = looked.isEmpty() ? name : looked;
            TensorEntry entry = entries.get(name);
            if (entry != null
                    && entry.shape().rank() == 2
                    && isSize(entry.shape().dimension(0))) {
                intermediateSize = (int) entry.shape().dimension(0);
                intermediateSource = "rows of " + Quote.of(name);
                break;
            }
        }
        Integer written = config.intermediateSize();
        if (intermediateSize == UNKNOWN) {
            TensorEntry entry = entries.get(looked);
            problems.add("Cannot read the intermediate size from tensor " + Quote.of(looked) + " of " + FILE
                    + ": expected [intermediate size, " + config.hiddenSize() + "], got "
                    + (entry == null
                            ? "no such tensor"
                            : Quote.cut(entry.shape().toString())));
        } else if (written != null && written != intermediateSize) {
            problems.add("Cannot use 'intermediate_size' in config.json: expected " + intermediateSize + " ("
                    + intermediateSource + "), got " + written);
        }
    }

    private static boolean isSize(long dimension) {
        return dimension > 0 && dimension <= Integer.MAX_VALUE;
    }

    private void checkNoOutputProjection() {
        if (config.attentionOutputProjection()) {
            return;
        }
        for (int layer : presentLayers()) {
            String name = encoder.names().output().in(entries.keySet(), encoder.layer(layer));
            for (String tensor : List.of(TensorNames.weight(name), TensorNames.bias(name))) {
                if (entries.containsKey(tensor) && used.add(tensor)) {
                    problems.add(unplaced(tensor, "none (attention_output_projection in config.json is false)"));
                }
            }
        }
    }

    private void check(Expected expected) {
        TensorEntry entry = entries.get(expected.name());
        boolean sized = expected.sized();
        String object = "Cannot load tensor " + Quote.of(expected.name()) + " from " + FILE + ": ";
        if (entry == null) {
            if (expected.required() && sized) {
                problems.add(object + "expected " + expected.shape() + " (" + expected.source()
                        + "), got no such tensor" + nextStep(expected));
            }
            return;
        }
        if (sized && !entry.shape().equals(expected.shape())) {
            problems.add(object + Shape.mismatch(expected.shape(), expected.source(), entry.shape()));
        }
        if (!entry.dtype().isWeight()) {
            problems.add(object + "expected F32, F16, BF16 or F64, got " + entry.dtype());
        }
    }

    private String nextStep(Expected missing) {
        List<String> sameShape = entries.values().stream()
                .filter(entry -> entry.shape().equals(missing.shape()) && !used.contains(entry.name()))
                .map(TensorEntry::name)
                .toList();
        return NearestName.of(missing.name(), sameShape)
                .map(nearest -> "; the nearest unused one of this shape is " + Quote.of(nearest))
                .orElse(missing.nextStep());
    }

    private void checkUnused() {
        String finalNorm = encoder.prefix() + "norm.";
        for (String name : entries.keySet()) {
            if (!used.contains(name)) {
                problems.add(unplaced(
                        name,
                        encoder.stacked() && name.startsWith(finalNorm)
                                ? "none (a LayerNorm after the last layer is not supported by this version)"
                                : "only tensors of the model in config.json"));
            }
        }
    }

    private String unplaced(String name, String expected) {
        return "Cannot place tensor " + Quote.of(name) + " from " + FILE + ": expected " + expected + ", got "
                + entries.get(name).describe();
    }

    private static String join(String prefix, String rest) {
        return prefix.isEmpty() ? rest : prefix + "." + rest;
    }
}
