package dev.braid.checkpoint;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads the tensors of a model after they were checked, and reports values that are not finite. */
final class TensorReading implements ModelTensors.Visitor {
    private final WeightFiles files;
    private final List<String> problems;

    /** The tensors that were read; one that several parts share is held once. */
    private final Map<Slice, StoredTensor> read = new HashMap<>();

    private record Slice(String tensor, int slice, int slices) {}

    TensorReading(WeightFiles files, List<String> problems) {
        this.files = files;
        this.problems = problems;
    }

    @Override
    public StoredTensor visit(ExpectedTensor expected, int slice, int slices) {
        String name = files.aliases().getOrDefault(expected.name(), expected.name());
        return files.entries().containsKey(name)
                ? read.computeIfAbsent(new Slice(name, slice, slices), key -> read(name, slice, slices))
                : null;
    }

    private StoredTensor read(String name, int slice, int slices) {
        StoredTensor tensor = files.read(name, slice, slices);
        tensor.firstNotFinite()
                .ifPresent(found -> problems.add("Cannot load tensor " + Quote.of(tensor.name()) + " from "
                        + files.file(name) + ": expected finite float32 values, got " + found));
        return tensor;
    }
}
