package dev.braid.checkpoint;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The layers that were found in the weight files for one stack of the config.
 *
 * @param location where they are; if none were found, where a complete state dict would have them
 * @param layers the numbers of the stored layers that the model uses; empty if none were found
 * @param intermediateSize the size between the two Linears of a feed-forward; {@value #NONE} in layers without one,
 *     {@value #UNKNOWN} if it was not found
 * @param intermediateSource where that size was read
 */
record StoredStack(
        StackLocation location, NavigableSet<Integer> layers, int intermediateSize, String intermediateSource) {
    /** A size that is not known. If that is a problem, another message reports it. */
    static final int UNKNOWN = 0;

    /** The intermediate size of layers without a feed-forward. */
    static final int NONE = -1;

    /** Finds the layers of a stack. Reports if there are none, or not as many as the config says. */
    static StoredStack find(WrittenConfig config, WrittenStack stack, WeightFiles files, List<String> problems) {
        return new Search(config, stack, files, problems).find();
    }

    boolean isFound() {
        return !layers.isEmpty();
    }

    /** Whether a tensor belongs to a layer that the model does not use; all such layers are reported as one problem. */
    boolean isOfAnotherLayer(String tensor) {
        int layer = location.layerOf(tensor);
        return layer >= 0 && !layers.contains(layer);
    }

    /** The names under which the query weight of a first layer is looked for, as an error message shows them. */
    static String examples(Iterable<Dialect> dialects) {
        StringBuilder examples = new StringBuilder();
        for (Dialect dialect : dialects) {
            String name = new StackLocation(dialect, "", true).layer(0)
                    + dialect.layer().query().names().get(0);
            examples.append(examples.isEmpty() ? "" : " or ").append(Quote.of(ParameterNames.weight(name)));
        }
        return examples.toString();
    }

    private record Search(WrittenConfig config, WrittenStack stack, WeightFiles files, List<String> problems) {

        StoredStack find() {
            StackLocation location = findLocation();
            if (location == null) {
                Dialect dialect = stack.dialects(config.dialects()).iterator().next();
                return new StoredStack(
                        new StackLocation(dialect, "", true), Collections.emptyNavigableSet(), UNKNOWN, "");
            }
            NavigableSet<Integer> stored = layers(location);
            checkLayers(location, stored);
            NavigableSet<Integer> layers = stored.headSet(stack.layers(), false);
            return layers.isEmpty()
                    ? new StoredStack(location, layers, UNKNOWN, "")
                    : findIntermediateSize(location, layers);
        }

        /** What this search looks for, as messages name it. */
        private String subject() {
            return config.topology() == null ? "the encoder" : stack.subject();
        }

        private StackLocation findLocation() {
            Map<StackLocation, String> found =
                    StackLocation.find(files.entries().keySet(), stack.dialects(config.dialects()));
            String prefix = stack.prefix().value();
            if (prefix != null) {
                found.keySet().removeIf(candidate -> !candidate.isUnder(prefix.isEmpty() ? "" : prefix + "."));
            }
            if (found.size() > 1) {
                found.values().removeIf(files.aliases()::containsKey); // further names of stored tensors
            }
            if (found.size() == 1) {
                return found.keySet().iterator().next();
            }
            String where = prefix == null
                    ? ""
                    : " under '" + prefix + "' (" + stack.prefix().key() + " in config.json)";
            if (found.isEmpty()) {
                problems.add("Cannot find " + subject() + " in " + files.name() + ": expected tensors such as "
                        + examples(stack.dialects(config.dialects())) + (prefix == null ? " with any prefix" : where)
                        + ", got none");
            } else {
                problems.add("Cannot find " + subject() + " in " + files.name() + ": expected one" + where
                        + ", got "
                        + found.size() + " ("
                        + found.values().stream().limit(10).map(Quote::of).collect(Collectors.joining(", ")) + ")"
                        + (config.model() == null
                                ? "; say which in " + stack.prefix().key()
                                : ""));
            }
            return null;
        }

        /** The numbers of all layers in the files; the model may use fewer. */
        private NavigableSet<Integer> layers(StackLocation location) {
            NavigableSet<Integer> numbers = new TreeSet<>();
            if (!location.numbered()) {
                numbers.add(0);
            }
            for (String name : files.entries().keySet()) {
                int layer = location.layerOf(name);
                if (layer >= 0) {
                    numbers.add(layer);
                }
            }
            return numbers;
        }

        /** Reports missing or additional layers as one problem, instead of one per tensor. */
        private void checkLayers(StackLocation location, NavigableSet<Integer> stored) {
            if (stored.size() == stack.layers() && stored.last() == stack.layers() - 1) {
                return;
            }
            String numbers = stored.stream().limit(20).map(String::valueOf).collect(Collectors.joining(", "));
            problems.add("Cannot load " + subject() + " from " + files.name() + ": expected " + stack.layers()
                    + " layers ("
                    + stack.layersSource() + "), got " + stored.size()
                    + (location.numbered()
                            ? " ("
                                    + Quote.of(location.prefix()
                                            + location.dialect().stack() + "{i}") + " with i = " + numbers + ")"
                            : " without a number"));
        }

        private StoredStack findIntermediateSize(StackLocation location, NavigableSet<Integer> layers) {
            Map<String, TensorEntry> entries = files.entries();
            ParameterNames part = location.dialect().layer().feedForward1();
            for (int layer : layers) {
                String name = ParameterNames.weight(part.in(entries.keySet(), location.layer(layer)));
                TensorEntry entry = entries.get(name);
                if (entry != null
                        && entry.shape().rank() == 2
                        && isSize(entry.shape().dimension(0))) {
                    int size = (int) entry.shape().dimension(0);
                    String source = "rows of " + Quote.of(name);
                    if (stack.layer().intermediateSize() != null
                            && stack.layer().intermediateSize() != size) {
                        problems.add("Cannot use '" + stack.path() + "intermediate_size' in config.json: expected "
                                + size + " (" + source + "), got "
                                + stack.layer().intermediateSize());
                    }
                    return new StoredStack(location, layers, size, source);
                }
            }
            if (stack.kind() == StackConfig.Kind.CROSS_ATTENTION
                    && stack.layer().intermediateSize() == null) {
                return new StoredStack(location, layers, NONE, "");
            }
            String name = ParameterNames.weight(part.in(entries.keySet(), location.layer(layers.first())));
            TensorEntry entry = entries.get(name);
            problems.add("Cannot read the intermediate size from tensor " + Quote.of(name) + " of " + files.file(name)
                    + ": expected [intermediate size, " + config.hiddenSize(stack.stream()) + "], got "
                    + (entry == null
                            ? "no such tensor"
                            : Quote.cut(entry.shape().toString())));
            return new StoredStack(location, layers, UNKNOWN, "");
        }

        private static boolean isSize(long dimension) {
            return dimension > 0 && dimension <= Integer.MAX_VALUE;
        }
    }
}
