package dev.braid.model;

import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;
import java.util.List;

/** Brings stored tensors into the layout of the kernels, once per JVM. */
final class WeightPacker {
    private final KernelLibrary library;
    private final ModelConfig config;

    WeightPacker(KernelLibrary library, ModelConfig config) {
        this.library = library;
        this.config = config;
    }

    PackedLinear linear(LinearWeights weights) {
        return stacked(List.of(weights), 1f);
    }

    /**
     * Several maps of one input as one: their weights [N, K] under each other. The first one is multiplied by
     * {@code scaleOfFirst}, weight and bias.
     */
    PackedLinear stacked(List<LinearWeights> parts, float scaleOfFirst) {
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
            return library.pack(weight, bias);
        }
    }

    private static void scale(FloatBuffer values, float factor) {
        for (int i = 0; i < values.capacity(); i++) {
            values.put(i, values.get(i) * factor);
        }
    }

    Norm norm(NormWeights weights) {
        return new Norm(row(weights.weight()), row(weights.bias()), config.layerNormEps());
    }

    /** A row of hidden size; zeros where there is no tensor. */
    private Matrix row(StoredTensor tensor) {
        Matrix row = Matrix.allocate(1, config.hiddenSize());
        if (tensor != null) {
            tensor.copyTo(row.buffer());
        }
        return row;
    }
}
