package dev.braid.kernel;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.blas_set_num_threads;
import static org.bytedeco.openblas.global.openblas.cblas_sgemm;

import dev.braid.kernel.PortableLibrary.Unpacked;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * The kernels in plain Java, but for the matrix products, which run in the BLAS that ND4J brings: the readable reference,
 * the cross-check of {@link OneDnnKernels}, and what runs where oneDNN cannot be loaded.
 */
final class PortableKernels implements Kernels {
    private static final double SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

    @Override
    public void bindThread() {
        OpenMp.bindThread(1);
        blas_set_num_threads(1);
    }

    @Override
    public void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation) {
        Unpacked unpacked = (Unpacked) weights;
        product(out, in, unpacked.weight(), 0f);
        FloatBuffer bias = unpacked.bias().buffer();
        FloatBuffer target = out.buffer();
        for (int row = 0; row < out.rows(); row++) {
            int start = row * out.stride();
            for (int column = 0; column < out.columns(); column++) {
                float sum = target.get(start + column) + bias.get(column);
                target.put(start + column, activate(sum, activation));
            }
        }
    }

    @Override
    public void linearAdd(Matrix sum, Matrix in, PackedLinear weights) {
        Unpacked unpacked = (Unpacked) weights;
        product(sum, in, unpacked.weight(), 1f);
        FloatBuffer bias = unpacked.bias().buffer();
        FloatBuffer target = sum.buffer();
        for (int row = 0; row < sum.rows(); row++) {
            int start = row * sum.stride();
            for (int column = 0; column < sum.columns(); column++) {
                target.put(start + column, target.get(start + column) + bias.get(column));
            }
        }
    }

    private static float activate(float x, Activation activation) {
        return switch (activation) {
            case NONE -> x;
            case RELU -> Math.max(x, 0f);
            case GELU -> (float) (0.5 * x * (1 + erf(x * Math.sqrt(0.5))));
            case GELU_TANH -> (float) (0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))));
            case TANH -> (float) Math.tanh(x);
        };
    }

    /** Abramowitz and Stegun 1964, formula 7.1.26: within 1.5e-7 of the error function. */
    private static double erf(double x) {
        double t = 1 / (1 + 0.3275911 * Math.abs(x));
        double polynomial =
                t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
        return Math.copySign(1 - polynomial * Math.exp(-x * x), x);
    }

    @Override
    public void layerNorm(Matrix out, Matrix in, Norm norm) {
        FloatBuffer source = in.buffer();
        FloatBuffer target = out.buffer();
        FloatBuffer scale = norm.scale().buffer();
        FloatBuffer shift = norm.shift().buffer();
        int columns = in.columns();
        for (int row = 0; row < in.rows(); row++) {
            int start = row * columns;
            double sum = 0;
            for (int column = 0; column < columns; column++) {
                sum += source.get(start + column);
            }
            double mean = sum / columns;
            double squares = 0;
            for (int column = 0; column < columns; column++) {
                double deviation = source.get(start + column) - mean;
                squares += deviation * deviation;
            }
            double inverse = 1 / Math.sqrt(squares / columns + norm.epsilon());
            for (int column = 0; column < columns; column++) {
                double normalised = (source.get(start + column) - mean) * inverse;
                target.put(start + column, (float) (normalised * scale.get(column) + shift.get(column)));
            }
        }
    }

    @Override
    public void add(Matrix sum, Matrix in) {
        FloatBuffer source = in.buffer();
        FloatBuffer target = sum.buffer();
        for (int row = 0; row < in.rows(); row++) {
            int from = row * in.stride();
            int to = row * sum.stride();
            for (int column = 0; column < in.columns(); column++) {
                target.put(to + column, target.get(to + column) + source.get(from + column));
            }
        }
    }

    @Override
    public void attention(Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores, int heads) {
        int headSize = query.columns() / heads;
        int queries = query.rows();
        int keys = key.rows();
        FloatBuffer weights = scores.buffer();
        for (int head = 0; head < heads; head++) {
            int first = head * headSize;
            int firstScore = head * queries * keys;
            FloatPointer ofHead = scores.pointer().getPointer(firstScore);
            cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasTrans,
                    queries,
                    keys,
                    headSize,
                    1f,
                    query.columns(first, headSize).pointer(),
                    query.stride(),
                    key.columns(first, headSize).pointer(),
                    key.stride(),
                    0f,
                    ofHead,
                    keys);
            for (int row = 0; row < queries; row++) {
                softmax(weights, firstScore + row * keys, keys);
            }
            cblas_sgemm(
                    CblasRowMajor,
                    CblasNoTrans,
                    CblasNoTrans,
                    queries,
                    headSize,
                    keys,
                    1f,
                    ofHead,
                    keys,
                    value.columns(first, headSize).pointer(),
                    value.stride(),
                    0f,
                    context.columns(first, headSize).pointer(),
                    context.stride());
        }
    }

    /** In place, with the largest score subtracted first, so that no exponential overflows. */
    private static void softmax(FloatBuffer scores, int start, int length) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = start; i < start + length; i++) {
            largest = Math.max(largest, scores.get(i));
        }
        double sum = 0;
        for (int i = start; i < start + length; i++) {
            float exponential = (float) Math.exp(scores.get(i) - largest);
            scores.put(i, exponential);
            sum += exponential;
        }
        float inverse = (float) (1 / sum);
        for (int i = start; i < start + length; i++) {
            scores.put(i, scores.get(i) * inverse);
        }
    }

    /** {@code out = in weight^T + beta out}. */
    private static void product(Matrix out, Matrix in, Matrix weight, float beta) {
        cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasTrans,
                out.rows(),
                out.columns(),
                in.columns(),
                1f,
                in.pointer(),
                in.stride(),
                weight.pointer(),
                weight.stride(),
                beta,
                out.pointer(),
                out.stride());
    }

    @Override
    public void close() {
        // Holds nothing of its own.
    }
}
