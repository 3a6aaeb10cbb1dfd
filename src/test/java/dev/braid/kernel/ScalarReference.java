package dev.braid.kernel;

import dev.braid.tensor.Activation;
import java.util.Arrays;

/** The encoder's operations in double precision, one number at a time: what every kernel is held against. */
public final class ScalarReference {
    private ScalarReference() {}

    /** {@code x W^T + b}; b may be null. */
    public static double[][] linear(double[][] x, double[][] weight, double[] bias) {
        double[][] out = new double[x.length][weight.length];
        for (int r = 0; r < x.length; r++) {
            for (int n = 0; n < weight.length; n++) {
                double sum = bias == null ? 0 : bias[n];
                for (int k = 0; k < x[r].length; k++) {
                    sum += x[r][k] * weight[n][k];
                }
                out[r][n] = sum;
            }
        }
        return out;
    }

    /** The activation of a number; the number itself without an activation (null). */
    public static double activate(double x, Activation activation) {
        if (activation == null) {
            return x;
        }
        return switch (activation) {
            case RELU -> Math.max(x, 0);
            case GELU -> x * normalDistribution(x);
            case SILU -> x / (1 + Math.exp(-x));
            case TANH -> Math.tanh(x);
            case SIGMOID -> 1 / (1 + Math.exp(-x));
            case GELU_TANH -> x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * Math.pow(x, 3))));
        };
    }

    /** Phi(x), by Simpson's rule on its density: independent of every approximation of erf. */
    private static double normalDistribution(double x) {
        int steps = 200;
        double width = x / steps;
        double sum = density(0) + density(x);
        for (int i = 1; i < steps; i++) {
            sum += (i % 2 == 0 ? 2 : 4) * density(i * width);
        }
        return 0.5 + sum * width / 3;
    }

    private static double density(double t) {
        return Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
    }

    public static double[][] add(double[][] a, double[][] b) {
        double[][] out = new double[a.length][a[0].length];
        for (int r = 0; r < a.length; r++) {
            for (int c = 0; c < a[r].length; c++) {
                out[r][c] = a[r][c] + b[r][c];
            }
        }
        return out;
    }

    public static double[][] multiply(double[][] a, double[][] b) {
        double[][] out = new double[a.length][a[0].length];
        for (int r = 0; r < a.length; r++) {
            for (int c = 0; c < a[r].length; c++) {
                out[r][c] = a[r][c] * b[r][c];
            }
        }
        return out;
    }

    public static double[][] rmsNorm(double[][] x, double[] scale, double epsilon) {
        double[][] out = new double[x.length][x[0].length];
        for (int r = 0; r < x.length; r++) {
            double meanSquare =
                    Arrays.stream(x[r]).map(value -> value * value).average().orElseThrow();
            for (int c = 0; c < x[r].length; c++) {
                out[r][c] = x[r][c] / Math.sqrt(meanSquare + epsilon) * scale[c];
            }
        }
        return out;
    }

    /**
     * Turns pair i of each head by {@code position * theta^(-2i / headSize)}.
     *
     * @param interleaved whether a pair is two neighbours; otherwise it is one number of each half
     */
    public static double[] rotate(double[] token, int headSize, boolean interleaved, double theta, int position) {
        double[] out = token.clone();
        for (int head = 0; head < token.length; head += headSize) {
            for (int i = 0; i < headSize / 2; i++) {
                int first = head + (interleaved ? 2 * i : i);
                int second = interleaved ? first + 1 : first + headSize / 2;
                double angle = position * Math.pow(theta, -2.0 * i / headSize);
                out[first] = token[first] * Math.cos(angle) - token[second] * Math.sin(angle);
                out[second] = token[second] * Math.cos(angle) + token[first] * Math.sin(angle);
            }
        }
        return out;
    }

    public static double[][] layerNorm(double[][] x, double[] scale, double[] shift, double epsilon) {
        double[][] out = new double[x.length][x[0].length];
        for (int r = 0; r < x.length; r++) {
            double mean = 0;
            for (double value : x[r]) {
                mean += value / x[r].length;
            }
            double variance = 0;
            for (double value : x[r]) {
                variance += (value - mean) * (value - mean) / x[r].length;
            }
            for (int c = 0; c < x[r].length; c++) {
                out[r][c] = (x[r][c] - mean) / Math.sqrt(variance + epsilon) * scale[c] + shift[c];
            }
        }
        return out;
    }

    /**
     * Softmax over {@code query key^T} per head, [heads * queries][keys]; the query is scaled already. Keys of fewer heads are
     * each read by as many neighbouring query heads.
     */
    public static double[][] softmax(double[][] query, double[][] key, int heads) {
        int headSize = query[0].length / heads;
        int queriesPerKey = query[0].length / key[0].length;
        double[][] weights = new double[heads * query.length][key.length];
        for (int h = 0; h < heads; h++) {
            for (int q = 0; q < query.length; q++) {
                double[] row = weights[h * query.length + q];
                for (int s = 0; s < key.length; s++) {
                    for (int c = 0; c < headSize; c++) {
                        row[s] += query[q][h * headSize + c] * key[s][h / queriesPerKey * headSize + c];
                    }
                }
                double largest = Arrays.stream(row).max().orElseThrow();
                Arrays.setAll(row, s -> Math.exp(row[s] - largest));
                double sum = Arrays.stream(row).sum();
                Arrays.setAll(row, s -> row[s] / sum);
            }
        }
        return weights;
    }

    /** The softmax of each head times value, heads side by side. */
    public static double[][] attention(double[][] query, double[][] key, double[][] value, int heads) {
        int headSize = query[0].length / heads;
        int queriesPerKey = query[0].length / key[0].length;
        double[][] weights = softmax(query, key, heads);
        double[][] out = new double[query.length][query[0].length];
        for (int q = 0; q < query.length; q++) {
            for (int c = 0; c < out[q].length; c++) {
                int head = c / headSize;
                for (int s = 0; s < key.length; s++) {
                    double read = value[s][head / queriesPerKey * headSize + c % headSize];
                    out[q][c] += weights[head * query.length + q][s] * read;
                }
            }
        }
        return out;
    }
}
