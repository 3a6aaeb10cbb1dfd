package dev.braid.kernel;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.blas_set_num_threads;
import static org.bytedeco.openblas.global.openblas.cblas_sgemm;

import dev.braid.kernel.PortableLibrary.Unpacked;
import dev.braid.tensor.Activation;
import java.nio.FloatBuffer;

/**
 * The kernels in plain Java, with matrix products in the BLAS that ND4J brings. They are the readable reference, the
 * cross-check of {@link OneDnnKernels}, and the fallback if oneDNN cannot be loaded.
 *
 * <p>Products call the BLAS directly. {@code Nd4j.gemm} gives the same bits, but its checks and temporary objects take
 * 25 to 85 us of processor time per call, while both products of one head of a short row take 1 to 11 us.
 */
final class PortableKernels extends HostKernels {
    /** The row being computed, copied to an array for the reason that {@link HostKernels} gives. */
    private float[] row = new float[0];

    /** The largest number of queries of a row that are computed together. */
    private static final int PART = 32;

    private float[] operand = new float[0];
    private float[] scale = new float[0];

    @Override
    public void bindThread() {
        OpenMp.bindThread();
        blas_set_num_threads(1);
    }

    @Override
    public void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation) {
        Unpacked unpacked = (Unpacked) weights;
        int columns = out.columns();
        operand = read(operand, unpacked.bias().buffer(), 0, columns);
        FloatBuffer target = out.buffer();
        for (int r = 0; r < out.rows(); r++) {
            target.put(r * out.stride(), operand, 0, columns);
        }
        addProduct(out, in, unpacked.weight());
        if (activation == null) {
            return;
        }
        for (int r = 0; r < out.rows(); r++) {
            row = read(row, target, r * out.stride(), columns);
            activate(row, columns, activation);
            target.put(r * out.stride(), row, 0, columns);
        }
    }

    @Override
    public void linearAdd(Matrix sum, Matrix in, PackedLinear weights) {
        Unpacked unpacked = (Unpacked) weights;
        int columns = sum.columns();
        operand = read(operand, unpacked.bias().buffer(), 0, columns);
        FloatBuffer target = sum.buffer();
        for (int r = 0; r < sum.rows(); r++) {
            row = read(row, target, r * sum.stride(), columns);
            add(row, operand, columns);
            target.put(r * sum.stride(), row, 0, columns);
        }
        addProduct(sum, in, unpacked.weight());
    }

    @Override
    public void norm(Matrix out, Matrix in, Norm norm) {
        FloatBuffer source = in.buffer();
        FloatBuffer target = out.buffer();
        int columns = in.columns();
        scale = read(scale, norm.scale().buffer(), 0, columns);
        if (!norm.isRms()) {
            operand = read(operand, norm.shift().buffer(), 0, columns);
        }
        for (int r = 0; r < in.rows(); r++) {
            row = read(row, source, r * columns, columns);
            if (norm.isRms()) {
                rmsNorm(row, columns, scale, norm.epsilon());
            } else {
                layerNorm(row, columns, scale, operand, norm.epsilon());
            }
            target.put(r * columns, row, 0, columns);
        }
    }

    private static void rmsNorm(float[] x, int count, float[] scale, float epsilon) {
        double squares = 0;
        for (int i = 0; i < count; i++) {
            squares += (double) x[i] * x[i];
        }
        float inverse = (float) (1 / Math.sqrt(squares / count + epsilon));
        for (int i = 0; i < count; i++) {
            x[i] = x[i] * inverse * scale[i];
        }
    }

    private static void layerNorm(float[] x, int count, float[] scale, float[] shift, float epsilon) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += x[i];
        }
        float mean = (float) (sum / count);
        double squares = 0;
        for (int i = 0; i < count; i++) {
            float deviation = x[i] - mean;
            x[i] = deviation;
            squares += (double) deviation * deviation;
        }
        float inverse = (float) (1 / Math.sqrt(squares / count + epsilon));
        for (int i = 0; i < count; i++) {
            x[i] = x[i] * inverse * scale[i] + shift[i];
        }
    }

    @Override
    public void add(Matrix sum, Matrix in) {
        FloatBuffer source = in.buffer();
        FloatBuffer target = sum.buffer();
        int columns = in.columns();
        for (int r = 0; r < in.rows(); r++) {
            row = read(row, target, r * sum.stride(), columns);
            operand = read(operand, source, r * in.stride(), columns);
            add(row, operand, columns);
            target.put(r * sum.stride(), row, 0, columns);
        }
    }

    @Override
    public void multiply(Matrix product, Matrix in) {
        FloatBuffer source = in.buffer();
        FloatBuffer target = product.buffer();
        int columns = in.columns();
        for (int r = 0; r < in.rows(); r++) {
            row = read(row, target, r * product.stride(), columns);
            operand = read(operand, source, r * in.stride(), columns);
            for (int c = 0; c < columns; c++) {
                row[c] *= operand[c];
            }
            target.put(r * product.stride(), row, 0, columns);
        }
    }

    @Override
    public void attention(Attention attention, Matrix scratch) {
        int headSize = attention.headSize();
        AttentionRows rows = attention.rows();
        for (int r = 0; r < rows.count(); r++) {
            Matrix keys = attention.key().rows(rows.key(r), rows.keys(r));
            Matrix values = attention.value().rows(rows.key(r), rows.keys(r));
            for (int part = 0; part < rows.queries(r); part += PART) {
                int first = rows.query(r) + part;
                int count = Math.min(PART, rows.queries(r) - part);
                Matrix queries = attention.query().rows(first, count);
                Matrix out = attention.context().rows(first, count);
                for (int head = 0; head < attention.heads(); head++) {
                    int keyHead = head / attention.queriesPerKey();
                    attend(
                            out.columns(head * headSize, headSize),
                            queries.columns(head * headSize, headSize),
                            keys.columns(keyHead * headSize, headSize),
                            values.columns(keyHead * headSize, headSize),
                            scratch);
                    for (int q = 0; q < count && attention.reader() != null; q++) {
                        attention.reader().read(r, scratch.buffer(), q * keys.rows());
                    }
                }
            }
        }
    }

    /**
     * Attention of one head for some queries of a row. Afterwards {@code scores} holds their softmax, [queries, keys].
     */
    private void attend(Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores) {
        int queries = query.rows();
        int keys = key.rows();
        FloatBuffer weights = scores.buffer();
        cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasTrans,
                queries,
                keys,
                query.columns(),
                1f,
                query.floatPointer(),
                query.stride(),
                key.floatPointer(),
                key.stride(),
                0f,
                scores.floatPointer(),
                keys);
        for (int q = 0; q < queries; q++) {
            row = read(row, weights, q * keys, keys);
            softmax(row, 0, keys);
            weights.put(q * keys, row, 0, keys);
        }
        cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasNoTrans,
                queries,
                value.columns(),
                keys,
                1f,
                scores.floatPointer(),
                keys,
                value.floatPointer(),
                value.stride(),
                0f,
                context.floatPointer(),
                context.stride());
    }

    /** Softmax in place, of some scores. The largest is subtracted first, so that no exponential overflows. */
    static void softmax(float[] scores, int first, int count) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = first; i < first + count; i++) {
            largest = Math.max(largest, scores[i]);
        }
        float sum = 0;
        for (int i = first; i < first + count; i++) {
            scores[i] = FloatMath.exp(scores[i] - largest);
            sum += scores[i];
        }
        float inverse = 1 / sum;
        for (int i = first; i < first + count; i++) {
            scores[i] *= inverse;
        }
    }

    /** {@code sum += in weight^T}. */
    private static void addProduct(Matrix sum, Matrix in, Matrix weight) {
        cblas_sgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasTrans,
                sum.rows(),
                sum.columns(),
                in.columns(),
                1f,
                in.floatPointer(),
                in.stride(),
                weight.floatPointer(),
                weight.stride(),
                1f,
                sum.floatPointer(),
                sum.stride());
    }

    @Override
    public void close() {
        // These kernels hold no native memory.
    }
}
