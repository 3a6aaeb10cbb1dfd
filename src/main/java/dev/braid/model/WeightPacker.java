package dev.braid.model;

import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.NormConfig;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Converts stored tensors to the layout of the kernels, once per JVM, and owns all results until {@link #close}. */
final class WeightPacker implements AutoCloseable {
    private final KernelLibrary library;
    private final List<PackedLinear> linears = new ArrayList<>();
    /** Packed maps by the Linears that they stack, so that parts of a model with the same weights share one map. */
    private final Map<List<Part>, PackedLinear> shared = new HashMap<>();

    private final List<Matrix> matrices = new ArrayList<>();

    WeightPacker(KernelLibrary library) {
        this.library = library;
    }

    PackedLinear linear(LinearWeights weights) {
        return stacked(List.of(new Part(weights)));
    }

    /** A map with {@code rows}, [1, N] each, added to its bias. */
    PackedLinear linear(LinearWeights weights, List<StoredTensor> rows) {
        return linear(weights, 1f, rows);
    }

    /**
     * A map with weight and bias multiplied by {@code factor}, and then {@code rows}, [1, N] each, added to its bias.
     */
    PackedLinear linear(LinearWeights weights, float factor, List<StoredTensor> rows) {
        return stacked(List.of(new Part(weights, factor, 0)), rows);
    }

    /** Several maps of the same input as one map: their weights, [N, K] each, one below the other. */
    PackedLinear stacked(List<Part> parts) {
        return shared.computeIfAbsent(List.copyOf(parts), rows -> stacked(rows, List.of()));
    }

    /**
     * One Linear of a stacked map.
     *
     * @param linear the Linear
     * @param factor what weight and bias are multiplied by
     * @param pairedHeadSize 0, or the size of the heads in the outputs: the numbers of each neighbouring pair are then
     *     moved to the two halves of their head
     */
    record Part(LinearWeights linear, float factor, int pairedHeadSize) {
        Part(LinearWeights linear) {
            this(linear, 1f, 0);
        }

        int count() {
            return Math.toIntExact(linear.weight().shape().dimension(0));
        }
    }

    private PackedLinear stacked(List<Part> parts, List<StoredTensor> added) {
        int inputs = Math.toIntExact(parts.get(0).linear().weight().shape().dimension(1));
        int outputs = parts.stream().mapToInt(Part::count).sum();
        try (Matrix weight = Matrix.allocate(outputs, inputs);
                Matrix bias = Matrix.allocate(1, outputs)) {
            int row = 0;
            for (Part part : parts) {
                copy(part, weight.rows(row, part.count()), bias.columns(row, part.count()));
                row += part.count();
            }
            addToEveryRow(bias, added);
            return keep(library.pack(weight, bias));
        }
    }

    /** A map of [K1, K2] for each of the N slices of a weight of [N, K1, K2]. */
    List<PackedLinear> slices(StoredTensor weight) {
        int count = Math.toIntExact(weight.shape().dimension(0));
        int outputs = Math.toIntExact(weight.shape().dimension(1));
        List<PackedLinear> packed = new ArrayList<>();
        try (Matrix all = Matrix.allocate(
                        count * outputs, Math.toIntExact(weight.shape().dimension(2)));
                Matrix bias = Matrix.allocate(1, outputs)) {
            weight.copyTo(all.buffer());
            for (int slice = 0; slice < count; slice++) {
                packed.add(keep(library.pack(all.rows(slice * outputs, outputs), bias)));
            }
        }
        return packed;
    }

    /** For each output of a bilinear map, a map that sums its products and adds its bias. */
    List<PackedLinear> sums(LinearWeights bilinear) {
        int count = Math.toIntExact(bilinear.weight().shape().dimension(0));
        List<PackedLinear> packed = new ArrayList<>();
        try (Matrix ones = Matrix.allocate(
                        1, Math.toIntExact(bilinear.weight().shape().dimension(1)));
                Matrix biases = Matrix.allocate(1, count)) {
            for (int i = 0; i < ones.columns(); i++) {
                ones.buffer().put(i, 1f);
            }
            if (bilinear.bias() != null) {
                bilinear.bias().copyTo(biases.buffer());
            }
            for (int n = 0; n < count; n++) {
                packed.add(keep(library.pack(ones, biases.columns(n, 1))));
            }
        }
        return packed;
    }

    private PackedLinear keep(PackedLinear packed) {
        linears.add(packed);
        return packed;
    }

    private static void copy(Part part, Matrix weight, Matrix bias) {
        part.linear().weight().copyTo(weight.buffer());
        if (part.linear().bias() != null) {
            part.linear().bias().copyTo(bias.buffer());
        }
        if (part.factor() != 1f) {
            scale(weight.buffer(), part.factor());
            scale(bias.buffer(), part.factor());
        }
        if (part.pairedHeadSize() != 0) {
            unpair(weight.buffer(), part.pairedHeadSize(), weight.columns());
            unpair(bias.buffer(), part.pairedHeadSize(), 1);
        }
    }

    /** Moves the first number of each pair of a head to the first half, and the second one to the second half. */
    private static void unpair(FloatBuffer outputs, int headSize, int width) {
        float[] head = new float[headSize * width];
        for (int first = 0; first < outputs.capacity(); first += head.length) {
            outputs.get(first, head);
            for (int i = 0; i < headSize; i++) {
                int target = i % 2 * (headSize / 2) + i / 2;
                outputs.put(first + target * width, head, i * width, width);
            }
        }
    }

    private static void scale(FloatBuffer values, float factor) {
        for (int i = 0; i < values.capacity(); i++) {
            values.put(i, values.get(i) * factor);
        }
    }

    Norm norm(NormWeights weights, NormConfig config) {
        return norm(weights, config, 1f, List.of());
    }

    /** A norm whose output is multiplied by {@code factor}. */
    Norm norm(NormWeights weights, NormConfig config, float factor) {
        return norm(weights, config, factor, List.of());
    }

    /** A norm with {@code rows}, [1, D] each, added to its shift. An RMSNorm has no shift, so it takes no rows. */
    Norm norm(NormWeights weights, NormConfig config, List<StoredTensor> rows) {
        return norm(weights, config, 1f, rows);
    }

    private Norm norm(NormWeights weights, NormConfig config, float factor, List<StoredTensor> rows) {
        Matrix scale = table(weights.weight(), 1);
        scale(scale.buffer(), factor);
        if (config.type() == NormType.RMS_NORM) {
            if (!rows.isEmpty()) {
                throw new IllegalArgumentException("an RMSNorm adds no rows, got " + rows);
            }
            return new Norm(scale, null, config.epsilon());
        }
        Matrix shift = weights.bias() == null ? zeros(scale.columns()) : table(weights.bias(), 1);
        scale(shift.buffer(), factor);
        addToEveryRow(shift, rows);
        return new Norm(scale, shift, config.epsilon());
    }

    /** Sinusoids of the first positions, [positions, D]. */
    Matrix sinusoids(int positions, int hiddenSize) {
        Matrix table = allocate(positions, hiddenSize);
        PositionTables.fillSinusoids(table);
        return table;
    }

    /** Rotations by the first positions, [positions, head size]. */
    Matrix rotations(int positions, int headSize, float theta) {
        Matrix table = allocate(positions, headSize);
        PositionTables.fillRotations(table, theta);
        return table;
    }

    /** The elements of a tensor of any rank as a matrix of {@code rows} rows. */
    Matrix table(StoredTensor tensor, int rows) {
        Matrix table = allocate(rows, Math.toIntExact(tensor.shape().elements() / rows));
        tensor.copyTo(table.buffer());
        return table;
    }

    /** A row of zeros. */
    Matrix zeros(int columns) {
        return allocate(1, columns);
    }

    void addToEveryRow(Matrix matrix, List<StoredTensor> rows) {
        FloatBuffer values = matrix.buffer();
        for (StoredTensor row : rows) {
            FloatBuffer added = FloatBuffer.allocate(matrix.columns());
            row.copyTo(added);
            for (int i = 0; i < values.capacity(); i++) {
                values.put(i, values.get(i) + added.get(i % matrix.columns()));
            }
        }
    }

    private Matrix allocate(int rows, int columns) {
        Matrix matrix = Matrix.allocate(rows, columns);
        matrices.add(matrix);
        return matrix;
    }

    @Override
    public void close() {
        linears.forEach(PackedLinear::close);
        linears.clear();
        shared.clear();
        matrices.forEach(Matrix::close);
        matrices.clear();
    }
}
