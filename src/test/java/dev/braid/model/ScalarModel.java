package dev.braid.model;

import dev.braid.batch.FeatureSequence;
import dev.braid.batch.PieceCopy;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.kernel.Activation;
import dev.braid.kernel.ScalarReference;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** The forward pass of one row in plain double loops, a step after the other: what {@link FusionModel} is held against. */
final class ScalarModel {
    private final ModelConfig config;
    private final Checkpoint checkpoint;
    /** Per layer the share of attention that each group of tokens received. */
    private final List<double[]> attention = new ArrayList<>();

    private double[][] tokens;

    ScalarModel(Checkpoint checkpoint) {
        this.config = checkpoint.config();
        this.checkpoint = checkpoint;
    }

    /** Fuses one row. */
    ScalarModel fuse(List<FeatureSequence> row) {
        List<double[]> embedded = new ArrayList<>();
        if (config.clsToken()) {
            embedded.add(values(checkpoint.weights().clsToken()));
        }
        for (int m = 0; m < row.size(); m++) {
            embedded.addAll(List.of(embed(row.get(m), m)));
        }
        double[][] x = embedded.toArray(double[][]::new);
        if (checkpoint.weights().embeddingNorm() != null) {
            x = norm(x, checkpoint.weights().embeddingNorm());
        }
        for (LayerWeights layer : checkpoint.weights().layers()) {
            x = layer(x, layer, row);
        }
        tokens = checkpoint.weights().finalNorm() == null
                ? x
                : norm(x, checkpoint.weights().finalNorm());
        return this;
    }

    double[][] tokens() {
        return tokens;
    }

    double[] pooler() {
        double[][] first = {tokens[0]};
        double[] dense = linear(first, checkpoint.weights().pooler())[0];
        for (int c = 0; c < dense.length; c++) {
            dense[c] = Math.tanh(dense[c]);
        }
        return dense;
    }

    List<double[]> attentionByLayer() {
        return attention;
    }

    private double[][] embed(FeatureSequence sequence, int modality) {
        if (sequence.tokens() == 0) {
            return new double[0][];
        }
        int featureSize = config.modalities().get(modality).featureSize();
        ModalityWeights weights = checkpoint.weights().modalities().get(modality);
        FloatBuffer features = FloatBuffer.allocate(sequence.tokens() * featureSize);
        sequence.copyTo(new PieceCopy(features), 0, sequence.tokens());
        double[][] x = rows(features, featureSize);
        if (weights.projection() != null) {
            x = linear(x, weights.projection());
        }
        double[][] positions = weights.positions() == null ? null : matrix(weights.positions());
        for (int t = 0; t < x.length; t++) {
            for (StoredTensor row : weights.rows()) {
                add(x[t], values(row));
            }
            if (positions != null) {
                add(x[t], positions[sequence.position(t)]);
            }
        }
        if (weights.norm() == null) {
            return x;
        }
        x = norm(x, weights.norm());
        for (double[] token : x) {
            weights.rowsAfterNorm().forEach(row -> add(token, values(row)));
        }
        return x;
    }

    private double[][] layer(double[][] x, LayerWeights weights, List<FeatureSequence> row) {
        if (config.normFirst()) {
            double[][] attended = ScalarReference.add(x, attention(norm(x, weights.norm1()), weights, row));
            return ScalarReference.add(attended, feedForward(norm(attended, weights.norm2()), weights));
        }
        double[][] attended = norm(ScalarReference.add(x, attention(x, weights, row)), weights.norm1());
        return norm(ScalarReference.add(attended, feedForward(attended, weights)), weights.norm2());
    }

    private double[][] attention(double[][] x, LayerWeights weights, List<FeatureSequence> row) {
        double[][] query = linear(x, weights.query());
        double[][] key = linear(x, weights.key());
        for (double[] token : query) {
            for (int c = 0; c < token.length; c++) {
                token[c] /= Math.sqrt(config.headSize());
            }
        }
        record(ScalarReference.softmax(query, key, config.heads()), row);
        double[][] context = ScalarReference.attention(query, key, linear(x, weights.value()), config.heads());
        return weights.output() == null ? context : linear(context, weights.output());
    }

    private void record(double[][] softmax, List<FeatureSequence> row) {
        List<Integer> groups = new ArrayList<>();
        if (config.clsToken()) {
            groups.add(1);
        }
        row.forEach(sequence -> groups.add(sequence.tokens()));
        double[] shares = new double[groups.size()];
        for (double[] query : softmax) {
            int key = 0;
            for (int g = 0; g < shares.length; g++) {
                for (int end = key + groups.get(g); key < end; key++) {
                    shares[g] += query[key] / softmax.length;
                }
            }
        }
        attention.add(shares);
    }

    private double[][] feedForward(double[][] x, LayerWeights weights) {
        Activation activation = switch (config.activation()) {
            case RELU -> Activation.RELU;
            case GELU -> Activation.GELU;
            case GELU_NEW -> Activation.GELU_TANH;
        };
        double[][] intermediate = linear(x, weights.feedForward1());
        for (double[] token : intermediate) {
            for (int c = 0; c < token.length; c++) {
                token[c] = ScalarReference.activate(token[c], activation);
            }
        }
        return linear(intermediate, weights.feedForward2());
    }

    private static double[][] linear(double[][] x, LinearWeights weights) {
        return ScalarReference.linear(
                x, matrix(weights.weight()), weights.bias() == null ? null : values(weights.bias()));
    }

    private double[][] norm(double[][] x, NormWeights weights) {
        return ScalarReference.layerNorm(x, values(weights.weight()), values(weights.bias()), config.layerNormEps());
    }

    private static void add(double[] sum, double[] values) {
        for (int c = 0; c < sum.length; c++) {
            sum[c] += values[c];
        }
    }

    private static double[] values(StoredTensor tensor) {
        return rows(floats(tensor), (int) tensor.shape().elements())[0];
    }

    private static double[][] matrix(StoredTensor tensor) {
        return rows(floats(tensor), (int) tensor.shape().dimension(1));
    }

    private static FloatBuffer floats(StoredTensor tensor) {
        FloatBuffer floats = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(floats);
        return floats;
    }

    private static double[][] rows(FloatBuffer floats, int columns) {
        double[][] rows = new double[floats.capacity() / columns][columns];
        for (int i = 0; i < floats.capacity(); i++) {
            rows[i / columns][i % columns] = floats.get(i);
        }
        return rows;
    }
}
