package dev.braid.model;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.checkpoint.VectorStep;
import dev.braid.checkpoint.VectorWeights;
import dev.braid.kernel.ScalarReference;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** One row through the steps of a model of vectors in plain double loops: what {@link VectorFusion} is held against. */
final class ScalarVectors {
    private ScalarVectors() {}

    /** The fused vector of one vector per modality. */
    static double[] fuse(Checkpoint checkpoint, List<double[]> row) {
        List<double[]> vectors = new ArrayList<>(row);
        List<VectorStep> steps = checkpoint.config().vectors();
        for (int s = 0; s < steps.size(); s++) {
            VectorStep step = steps.get(s);
            double[] out = apply(
                    step,
                    checkpoint.weights().vectors().get(s),
                    step.inputs().stream().map(vectors::get).toList());
            vectors.add(out);
        }
        return vectors.get(vectors.size() - 1);
    }

    private static double[] apply(VectorStep step, VectorWeights weights, List<double[]> in) {
        double[] first = in.get(0);
        double[] out = first.clone();
        switch (step.kind()) {
            case LINEAR -> {
                double[][] rows = new double[step.size()][];
                double[] weight = values(weights.linear().weight());
                for (int n = 0; n < rows.length; n++) {
                    rows[n] = Arrays.copyOfRange(weight, n * first.length, (n + 1) * first.length);
                }
                double[] bias = weights.linear().bias() == null
                        ? null
                        : values(weights.linear().bias());
                return ScalarReference.linear(new double[][] {first}, rows, bias)[0];
            }
            case BILINEAR -> {
                double[] weight = values(weights.linear().weight());
                double[] bias = weights.linear().bias() == null
                        ? new double[step.size()]
                        : values(weights.linear().bias());
                double[] second = in.get(1);
                double[] product = new double[step.size()];
                for (int n = 0; n < product.length; n++) {
                    product[n] = bias[n];
                    for (int i = 0; i < first.length; i++) {
                        for (int j = 0; j < second.length; j++) {
                            product[n] += first[i] * weight[(n * first.length + i) * second.length + j] * second[j];
                        }
                    }
                }
                return product;
            }
            case SOFTMAX -> {
                double largest = Arrays.stream(first).max().getAsDouble();
                double sum =
                        Arrays.stream(first).map(x -> Math.exp(x - largest)).sum();
                Arrays.setAll(out, c -> Math.exp(first[c] - largest) / sum);
            }
            case WEIGHTED_SUM -> {
                double[] factors = in.get(in.size() - 1);
                Arrays.setAll(
                        out,
                        c -> IntStream.range(0, factors.length)
                                .mapToDouble(v -> factors[v] * in.get(v)[c])
                                .sum());
            }
            case ACTIVATION -> Arrays.setAll(out, c -> ScalarReference.activate(first[c], step.function()));
            case NORM -> {
                double[][] x = {first};
                double[] scale = values(weights.norm().weight());
                return step.norm() == NormType.RMS_NORM
                        ? ScalarReference.rmsNorm(x, scale, step.epsilon())[0]
                        : ScalarReference.layerNorm(
                                x,
                                scale,
                                weights.norm().bias() == null
                                        ? new double[scale.length]
                                        : values(weights.norm().bias()),
                                step.epsilon())[0];
            }
            case BATCH_NORM -> {
                double[] scale = values(weights.norm().weight());
                double[] shift = values(weights.norm().bias());
                double[] mean = values(weights.mean());
                double[] variance = values(weights.variance());
                Arrays.setAll(
                        out, c -> (first[c] - mean[c]) / Math.sqrt(variance[c] + step.epsilon()) * scale[c] + shift[c]);
            }
            case CONCAT -> {
                return in.stream().flatMapToDouble(Arrays::stream).toArray();
            }
            case SUM ->
                Arrays.setAll(
                        out, c -> in.stream().mapToDouble(vector -> vector[c]).sum());
            case PRODUCT ->
                Arrays.setAll(
                        out, c -> in.stream().mapToDouble(vector -> vector[c]).reduce(1, (a, b) -> a * b));
            case GATE -> {
                double[] gate = in.get(2);
                Arrays.setAll(out, c -> gate[c] * first[c] + (1 - gate[c]) * in.get(1)[c]);
            }
        }
        return out;
    }

    private static double[] values(StoredTensor tensor) {
        FloatBuffer floats = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(floats);
        double[] values = new double[floats.capacity()];
        Arrays.setAll(values, floats::get);
        return values;
    }
}
