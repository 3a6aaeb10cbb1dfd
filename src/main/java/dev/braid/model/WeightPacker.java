package dev.braid.model;

import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** Brings stored tensors into the layout of the kernels, once per JVM, and holds everything that it made until {@link #close}. */
final class WeightPacker implements AutoCloseable {
    private final KernelLibrary library;
    private final List<PackedLinear> linears = new ArrayList<>();
    private final List<Matrix> matrices = new ArrayList<>();

    WeightPacker(KernelLibrary library) {
        this.library = library;
    }

    PackedLinear linear(LinearWeights weights) {
        return stacked(List.of(weights), 1f, List.of());
    }

    /** A map whose every output has {@code rows}, [1, N] each, added. */
    PackedLinear linear(LinearWeights weights, List<StoredTensor> rows) {
        return stacked(List.of(weights), 1f, rows);
    }

    /**
     * Several maps of one input as one: their weights [N, K] under each other. The first one is multiplied by
     * {@code scaleOfFirst}, weight and bias.
     */
    PackedLinear stacked(List<LinearWeights> parts, float scaleOfFirst) {
        return stacked(parts, scaleOfFirst, List.of());
    }

    private PackedLinear stacked(List<LinearWeights> parts, float scaleOfFirst, List<StoredTensor> added) {
        int inputs = Math.toIntExact(parts.get(0).weight().shape().dimension(1));
        int outputs = parts.stream()
                .mapToInt(part -> Math.toIntExact(part.weight().shape().dimension(0)))
                .sum();
        try (Matrix weight = Matrix.allocate(outputs, inputs);
                Matrix bias = Matrix.allocate(1, outputs)) {
            FloatBuffer weightBuffer = weight.buffer();
            int row = 0;
            for (LinearWeights part : parts) {
                part.weight().copyTo(weightBuffer);
                if (part.bias() != null) {
                    part.bias().copyTo(bias.buffer().position(row));
                }
                row = weightBuffer.position() / inputs;
            }
            int firstRows = Math.toIntExact(parts.get(0).weight().shape().dimension(0));
            if (scaleOfFirst != 1f) {
                scale(weight.rows(0, firstRows).buffer(), scaleOfFirst);
                scale(bias.columns(0, firstRows).buffer(), scaleOfFirst);
            }
            addToEveryRow(bias, added);
            PackedLinear packed = library.pack(weight, bias);
            linears.add(packed);
            return packed;
        }
    }

    private static void scale(FloatBuffer values, float factor) {
        for (int i = 0; i < values.capacity(); i++) {
            values.put(i, values.get(i) * factor);
        }
    }

    Norm norm(NormWeights weights, float epsilon) {
        return norm(weights, epsilon, List.of());
    }

    /** A LayerNorm whose every output has {@code rows}, [1, D] each, added. */
    Norm norm(NormWeights weights, float epsilon, List<StoredTensor> rows) {
        Matrix scale = table(weights.weight(), 1);
        Matrix shift = weights.bias() == null ? zeros(scale.columns()) : table(weights.bias(), 1);
        addToEveryRow(shift, rows);
        return new Norm(scale, shift, epsilon);
    }

    /** The elements of a tensor of any rank in so many rows. */
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
        matrices.forEach(Matrix::close);
        matrices.clear();
    }
}
