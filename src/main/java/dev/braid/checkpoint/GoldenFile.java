package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Reads tensors of a golden file, reports what is wrong with them, and lists the tensors that were not used. */
final class GoldenFile {
    /** The most elements of one tensor: far more than a check needs, far fewer than an array can hold. */
    private static final long MOST_ELEMENTS = 1L << 28;

    private final SafetensorsFile file;
    private final List<String> problems;
    private final Set<String> used = new HashSet<>();

    GoldenFile(SafetensorsFile file, List<String> problems) {
        this.file = file;
        this.problems = problems;
    }

    boolean has(String name) {
        return file.entries().containsKey(name);
    }

    /** The tensor of that name, or null. */
    TensorEntry entry(String name) {
        used.add(name);
        return file.entries().get(name);
    }

    float[] floats(TensorEntry entry) {
        if (!entry.dtype().isWeight()) {
            bad(entry, "F32");
            return null;
        }
        if (entry.shape().elements() > MOST_ELEMENTS) {
            bad(entry, "at most " + MOST_ELEMENTS + " numbers");
            return null;
        }
        StoredTensor tensor = file.read(entry.name());
        Optional<String> notFinite = tensor.firstNotFinite();
        if (notFinite.isPresent()) {
            problems.add("tensor " + Quote.of(entry.name()) + ": expected finite numbers, got " + notFinite.get());
            return null;
        }
        float[] values = new float[Math.toIntExact(entry.shape().elements())];
        tensor.copyTo(FloatBuffer.wrap(values));
        return values;
    }

    long[] longs(TensorEntry entry, Shape expected) {
        if (entry.dtype() != DType.I64 || !entry.shape().equals(expected)) {
            bad(entry, "I64 " + expected);
            return null;
        }
        long[] values = new long[Math.toIntExact(expected.elements())];
        file.read(entry.name()).copyTo(LongBuffer.wrap(values));
        return values;
    }

    void missing(String name, String expected) {
        problems.add("tensor '" + name + "': expected " + expected + ", got no such tensor");
    }

    void bad(TensorEntry entry, String expected) {
        problems.add("tensor " + Quote.of(entry.name()) + ": expected " + expected + ", got " + entry.describe());
    }

    void report(String problem) {
        problems.add(problem);
    }

    /** The tensors that {@link #entry} has not returned. */
    Stream<TensorEntry> unused() {
        return file.entries().values().stream().filter(entry -> !used.contains(entry.name()));
    }
}
