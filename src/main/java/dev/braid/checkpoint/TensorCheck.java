package dev.braid.checkpoint;

import dev.braid.NearestName;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Compares the tensors in the files with those that the model needs. Reports every tensor that is missing, has another
 * shape or type, or does not belong to the model.
 */
final class TensorCheck {
    /** Suggests a stored name for at most this many missing tensors; if more are missing, it is the wrong model. */
    private static final int MOST_HINTS = 10;

    private final WeightFiles files;
    private final Map<String, TensorEntry> entries;
    private final List<String> problems;
    private final Set<ExpectedTensor> registry = new LinkedHashSet<>();
    private final Set<String> used = new HashSet<>();
    private int hints;

    TensorCheck(WeightFiles files, List<String> problems) {
        this.files = files;
        this.entries = files.entries();
        this.problems = problems;
    }

    /** Reports every problem of the tensors of {@code model}. */
    void check(ModelTensors model, List<StoredStack> stacks) {
        model.walk((expected, slice, slices) -> register(expected));
        Dialect dialect = stacks.get(0).location().dialect();
        model.unknownModalities()
                .forEach((index, name) -> problems.add("Cannot read 'modalities[" + index
                        + "].name' in config.json: expected one of "
                        + String.join(
                                ", ", new TreeSet<>(dialect.model().modalities().keySet())) + " ("
                        + dialect.title() + "), got " + Quote.of(name)));
        problems.addAll(model.unfitKeys());
        registry.forEach(this::check);
        boolean found = stacks.stream().allMatch(StoredStack::isFound);
        checkAdapters(found);
        if (!found) {
            return;
        }
        Set<String> named = new HashSet<>(used);
        boolean strict = !dialect.published();
        for (OptionalPart part : OptionalPart.values()) {
            if (strict || model.saysItLacks(part)) {
                model.storedThoughLacking(part).filter(named::add).forEach(name -> {
                    problems.add(unplaced(
                            name, "none (" + part.configName() + " in config.json is " + model.written(part) + ")"));
                });
            }
        }
        if (strict) {
            refuseOthers(
                    name -> named.contains(name) || stacks.stream().anyMatch(stack -> stack.isOfAnotherLayer(name)));
        }
    }

    /** Reports every problem of the tensors of a model of one vector per modality. */
    void check(VectorTensors model) {
        model.walk((expected, slice, slices) -> register(expected));
        registry.forEach(this::check);
        checkAdapters(true);
        Set<String> counters = model.counters();
        refuseOthers(name -> used.contains(name) || counters.contains(name));
    }

    private StoredTensor register(ExpectedTensor expected) {
        registry.add(expected);
        used.add(expected.name());
        used.add(files.aliases().getOrDefault(expected.name(), expected.name()));
        return null;
    }

    private void refuseOthers(Predicate<String> known) {
        stored().map(TensorEntry::name)
                .filter(known.negate())
                .limit(CheckpointReader.MOST_PROBLEMS + 1L)
                .forEach(name -> problems.add(unplaced(name, "only tensors of the model in config.json")));
    }

    /** Reports the first adapter that changes a part of the model, or any adapter if no encoder was found. */
    private void checkAdapters(boolean found) {
        stored().map(TensorEntry::name)
                .filter(name -> Adapters.module(name)
                        .filter(module -> !found || used.stream().anyMatch(needed -> needed.startsWith(module)))
                        .isPresent())
                .findFirst()
                .ifPresent(name -> problems.add("Cannot use tensor " + Quote.of(name) + " from " + files.file(name)
                        + ": expected weights with their adapters merged, got a LoRA adapter; " + Adapters.MERGE));
    }

    private void check(ExpectedTensor expected) {
        if (problems.size() > CheckpointReader.MOST_PROBLEMS) {
            return;
        }
        TensorEntry entry = entries.get(expected.name());
        String object =
                "Cannot load tensor " + Quote.of(expected.name()) + " from " + files.file(expected.name()) + ": ";
        if (entry == null) {
            if (expected.required() && expected.sized()) {
                problems.add(object + expected.describe() + ", got no such tensor" + nextStep(expected));
            }
            return;
        }
        if (expected.sized() && !expected.fits(entry.shape())) {
            problems.add(object + expected.describe() + ", got " + entry.shape());
        }
        if (!entry.dtype().isWeight()) {
            problems.add(object + "expected F32, F16, BF16 or F64, got " + entry.dtype());
        }
    }

    private String nextStep(ExpectedTensor missing) {
        if (hints++ >= MOST_HINTS) {
            return missing.nextStep();
        }
        List<String> sameShape = entries.values().stream()
                .filter(entry -> missing.fits(entry.shape()) && !used.contains(entry.name()))
                .map(TensorEntry::name)
                .toList();
        Optional<String> nearest = NearestName.of(missing.name(), sameShape);
        return nearest.map(name -> "; " + Quote.of(name) + " has its shape").orElse(missing.nextStep());
    }

    private String unplaced(String name, String expected) {
        return "Cannot place tensor " + Quote.of(name) + " from " + files.file(name) + ": expected " + expected
                + ", got " + entries.get(name).describe();
    }

    /** The tensors that the model uses, in the order in which data passes through them. */
    List<PlacedTensor> placed() {
        Map<String, PlacedTensor> placed = new LinkedHashMap<>();
        for (ExpectedTensor expected : registry) {
            TensorEntry entry = entries.get(expected.name());
            if (entry != null) {
                placed.merge(
                        entry.name(),
                        new PlacedTensor(entry.name(), expected.role(), entry.dtype(), entry.shape(), entry.bytes()),
                        TensorCheck::both);
            }
        }
        return new ArrayList<>(placed.values());
    }

    private static PlacedTensor both(PlacedTensor first, PlacedTensor second) {
        String role = first.role() + " and " + second.role();
        return new PlacedTensor(first.name(), role, first.dtype(), first.shape(), first.bytes());
    }

    /** The aliases that the model uses. */
    Map<String, String> aliases() {
        Map<String, String> needed = new LinkedHashMap<>(files.aliases());
        needed.keySet().retainAll(used);
        return needed;
    }

    /** The tensors that the model does not use. */
    List<TensorEntry> unused() {
        return stored().filter(entry -> !used.contains(entry.name())).toList();
    }

    /** The tensors in the files, without aliases. */
    private Stream<TensorEntry> stored() {
        return entries.values().stream().filter(entry -> !files.aliases().containsKey(entry.name()));
    }
}
