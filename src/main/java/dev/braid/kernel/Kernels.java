package dev.braid.kernel;

import dev.braid.tensor.Activation;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The dense operations of a fusion model, for one thread at a time. Outputs come first, then inputs, then weights. The
 * caller owns every matrix; an implementation has memory of its own, which grows to its largest operation. Shapes must
 * be as documented; an implementation need not check them. Matrices may be views of larger ones unless documented
 * otherwise. An output may share memory with an input only where documented. In formulas, {@code .} multiplies element
 * by element.
 *
 * <p>Matrices are float32, but {@link KernelLibrary#operand operands} may be bfloat16: the inputs and outputs of {@link
 * #linear}, the inputs of {@link #linearAdd} and {@link #add}, the outputs of {@link #norm}, all matrices of {@link
 * #attention}, {@link #copyRows} and {@link #multiply}, and the heads of {@link #rotate}. Sums are float32. With
 * oneDNN, the result of linear maps and attention for a row has the same bits whatever the other rows are, provided
 * that M is a multiple of {@link #ROW_MULTIPLE}.
 *
 * <p>Proven against a scalar double reference by {@code KernelParityTest} and {@code AttentionTest}.
 */
public interface Kernels extends AutoCloseable {

    /**
     * The number of rows of a linear map should be a multiple of this, so that the bits of a row do not depend on its
     * neighbours.
     */
    int ROW_MULTIPLE = 16;

    /**
     * Makes the native operations of the calling thread use this thread alone, whatever {@code OMP_NUM_THREADS} says.
     * Call this before any other method, and again whenever another thread takes over. No sum is then split among
     * threads, so results do not depend on the number of cores.
     */
    void bindThread();

    /** {@code out = in W^T + b}: out [M, N], in [M, K], weights [N, K]. */
    default void linear(Matrix out, Matrix in, PackedLinear weights) {
        linear(out, in, weights, null);
    }

    /**
     * {@code out = activation(in W^T + b)}: out [M, N], in [M, K], weights [N, K].
     *
     * @param activation null for {@code in W^T + b} itself
     */
    void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation);

    /** {@code sum += in W^T + b}: sum [M, N], in [M, K], weights [N, K]. */
    void linearAdd(Matrix sum, Matrix in, PackedLinear weights);

    /**
     * {@code out = (in - mean) / sqrt(variance + epsilon) * scale + shift} per row, with the biased variance: Ba, Kiros
     * and Hinton 2016 (arXiv 1607.06450), equation 4. A norm without shift is an RMSNorm, {@code out = in /
     * sqrt(mean(in^2) + epsilon) * scale}: Zhang and Sennrich 2019 (arXiv 1910.07467), equation 4. Out and in are [M,
     * D], both dense, and may be the same matrix.
     */
    void norm(Matrix out, Matrix in, Norm norm);

    /** {@code sum += in}: both [M, D]. */
    void add(Matrix sum, Matrix in);

    /** {@code product *= factor}: [M, D]. */
    void scale(Matrix product, float factor);

    /** {@code product *= in}, element by element: both [M, D]. */
    void multiply(Matrix product, Matrix in);

    /** {@code values = activation(values)}: [M, D]. */
    void activate(Matrix values, Activation activation);

    /** {@code values = values . scale + shift}: values [M, D], scale and shift [1, D] for every row. */
    void scaleAndShift(Matrix values, Matrix scale, Matrix shift);

    /**
     * {@code values = gate . values + (1 - gate) . other}, all [M, D] in separate memory. Arevalo et al. 2017 (arXiv
     * 1702.01992), the last equation of section 3.1.
     */
    void mix(Matrix values, Matrix gate, Matrix other);

    /** {@code values[r] = softmax(values[r])} for each row r: [M, D]. */
    void softmax(Matrix values);

    /**
     * {@code out[r] = weights[r, 0] in[0][r] + weights[r, 1] in[1][r] + ...} for each row r: out and each matrix of in
     * [M, D], weights [M, number of matrices in {@code in}], all in separate memory.
     */
    void weightedSum(Matrix out, List<Matrix> in, Matrix weights);

    /**
     * Copies row {@code from(i)} of {@code in} to row {@code to(i)} of {@code out}, for i from 0 to {@code count - 1}
     * in order: both [.., D], which may be the same matrix.
     */
    void copyRows(Matrix out, IntUnaryOperator to, Matrix in, IntUnaryOperator from, int count);

    /**
     * Adds row {@code from(i)} of a table to row i of {@code sum}, for i from 0 to {@code count - 1}: both [.., D], in
     * separate memory.
     */
    void addRows(Matrix sum, Matrix table, IntUnaryOperator from, int count);

    /**
     * Rotates the heads of rows 0 to {@code count - 1} in place: with x1 and x2 the first and the second half of a
     * head, {@code x1' = x1 cos - x2 sin} and {@code x2' = x2 cos + x1 sin}. Su et al. 2021 (arXiv 2104.09864),
     * equation 34, with pairs made of the two halves.
     *
     * @param heads [M, a multiple of the head size]
     * @param angles [P, head size]: per position the cosines, one per pair, then the sines
     * @param position the row of {@code angles} for row i of {@code heads}
     */
    void rotate(Matrix heads, Matrix angles, IntUnaryOperator position, int count);

    /**
     * Multi-head attention of every row of a batch. With oneDNN a row's result has the same bits whatever the other
     * rows are and hold.
     *
     * @param scratch [1, at least {@link #attentionScratch}], dense
     */
    void attention(Attention attention, Matrix scratch);

    /** Floats of scratch memory that {@link #attention} needs for rows of up to {@code maxTokens} queries and keys. */
    static long attentionScratch(int hiddenSize, int heads, int maxTokens) {
        return AttentionTile.mostFloats(hiddenSize, heads, maxTokens);
    }

    /**
     * The number of sizes that {@link #attention} compiles for self-attention in rows of these lengths, in tokens: 9
     * for 50 to 113 tokens, about a hundred for 1 to 4,096. Each takes up to 2 MiB.
     */
    static int attentionSizes(int shortest, int longest) {
        return AttentionTile.count(shortest, longest);
    }

    @Override
    void close();
}
