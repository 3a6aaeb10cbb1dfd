package dev.braid.kernel;

import dev.braid.tensor.Activation;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The kernels that both implementations share: plain loops over matrices in host memory that copy, add, scale,
 * activate, mix and rotate rows.
 */
abstract class HostKernels implements Kernels {
    /**
     * The row being computed. It is copied to an array because the JVM vectorises loops over arrays, but not over
     * buffers.
     */
    private float[] row = new float[0];

    private float[] operand = new float[0];
    private float[] other = new float[0];
    private float[] rotated = new float[0];

    @Override
    public final void copyRows(Matrix out, IntUnaryOperator to, Matrix in, IntUnaryOperator from, int count) {
        ByteBuffer target = out.bytes();
        ByteBuffer source = in.bytes();
        int bytes = in.elementBytes();
        for (int i = 0; i < count; i++) {
            target.put(
                    to.applyAsInt(i) * out.stride() * bytes,
                    source,
                    from.applyAsInt(i) * in.stride() * bytes,
                    in.columns() * bytes);
        }
    }

    @Override
    public final void addRows(Matrix target, Matrix table, IntUnaryOperator from, int count) {
        int columns = target.columns();
        FloatBuffer sums = target.buffer();
        FloatBuffer rows = table.buffer();
        for (int i = 0; i < count; i++) {
            row = read(row, sums, i * target.stride(), columns);
            operand = read(operand, rows, from.applyAsInt(i) * table.stride(), columns);
            add(row, operand, columns);
            sums.put(i * target.stride(), row, 0, columns);
        }
    }

    @Override
    public final void scale(Matrix product, float factor) {
        int columns = product.columns();
        FloatBuffer target = product.buffer();
        for (int i = 0; i < product.rows(); i++) {
            row = read(row, target, i * product.stride(), columns);
            for (int column = 0; column < columns; column++) {
                row[column] *= factor;
            }
            target.put(i * product.stride(), row, 0, columns);
        }
    }

    @Override
    public final void rotate(Matrix heads, Matrix angles, IntUnaryOperator position, int count) {
        int columns = heads.columns();
        int headSize = angles.columns();
        if (rotated.length < columns) {
            rotated = new float[columns];
        }
        HostRows target = HostRows.of(heads);
        FloatBuffer table = angles.buffer();
        row = row.length < columns ? new float[columns] : row;
        for (int i = 0; i < count; i++) {
            target.read(i, row);
            operand = read(operand, table, position.applyAsInt(i) * angles.stride(), headSize);
            for (int head = 0; head < columns; head += headSize) {
                rotateHead(rotated, row, head, operand, headSize / 2);
            }
            target.write(i, rotated);
        }
    }

    /** One loop per half, each writing to one array, so that the JVM vectorises both loops. */
    private static void rotateHead(float[] out, float[] in, int head, float[] angle, int half) {
        for (int i = 0; i < half; i++) {
            out[head + i] = in[head + i] * angle[i] - in[head + half + i] * angle[half + i];
        }
        for (int i = 0; i < half; i++) {
            out[head + half + i] = in[head + half + i] * angle[i] + in[head + i] * angle[half + i];
        }
    }

    @Override
    public final void activate(Matrix values, Activation activation) {
        FloatBuffer target = values.buffer();
        int columns = values.columns();
        for (int r = 0; r < values.rows(); r++) {
            row = read(row, target, r * values.stride(), columns);
            activate(row, columns, activation);
            target.put(r * values.stride(), row, 0, columns);
        }
    }

    @Override
    public final void scaleAndShift(Matrix values, Matrix scale, Matrix shift) {
        FloatBuffer target = values.buffer();
        int columns = values.columns();
        operand = read(operand, scale.buffer(), 0, columns);
        other = read(other, shift.buffer(), 0, columns);
        for (int r = 0; r < values.rows(); r++) {
            row = read(row, target, r * values.stride(), columns);
            for (int c = 0; c < columns; c++) {
                row[c] = row[c] * operand[c] + other[c];
            }
            target.put(r * values.stride(), row, 0, columns);
        }
    }

    @Override
    public final void mix(Matrix values, Matrix gate, Matrix with) {
        FloatBuffer target = values.buffer();
        FloatBuffer gates = gate.buffer();
        FloatBuffer others = with.buffer();
        int columns = values.columns();
        for (int r = 0; r < values.rows(); r++) {
            row = read(row, target, r * values.stride(), columns);
            operand = read(operand, gates, r * gate.stride(), columns);
            other = read(other, others, r * with.stride(), columns);
            for (int c = 0; c < columns; c++) {
                row[c] = operand[c] * row[c] + (1f - operand[c]) * other[c];
            }
            target.put(r * values.stride(), row, 0, columns);
        }
    }

    @Override
    public final void softmax(Matrix values) {
        FloatBuffer target = values.buffer();
        int columns = values.columns();
        for (int r = 0; r < values.rows(); r++) {
            row = read(row, target, r * values.stride(), columns);
            softmax(row, columns);
            target.put(r * values.stride(), row, 0, columns);
        }
    }

    private static void softmax(float[] x, int count) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            largest = Math.max(largest, x[i]);
        }
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += Math.exp((double) x[i] - largest);
        }
        for (int i = 0; i < count; i++) {
            x[i] = (float) (Math.exp((double) x[i] - largest) / sum);
        }
    }

    @Override
    public final void weightedSum(Matrix out, List<Matrix> in, Matrix weights) {
        int columns = out.columns();
        row = row.length < columns ? new float[columns] : row;
        for (int r = 0; r < out.rows(); r++) {
            Arrays.fill(row, 0, columns, 0f);
            other = read(other, weights.buffer(), r * weights.stride(), in.size());
            for (int i = 0; i < in.size(); i++) {
                operand = read(operand, in.get(i).buffer(), r * in.get(i).stride(), columns);
                for (int c = 0; c < columns; c++) {
                    row[c] += other[i] * operand[c];
                }
            }
            out.buffer().put(r * out.stride(), row, 0, columns);
        }
    }

    static void activate(float[] x, int count, Activation activation) {
        switch (activation) {
            case RELU -> {
                for (int i = 0; i < count; i++) {
                    x[i] = Math.max(x[i], 0f);
                }
            }
            case GELU -> {
                for (int i = 0; i < count; i++) {
                    x[i] = FloatMath.gelu(x[i]);
                }
            }
            case GELU_TANH -> {
                for (int i = 0; i < count; i++) {
                    x[i] = FloatMath.geluTanh(x[i]);
                }
            }
            case SILU -> {
                for (int i = 0; i < count; i++) {
                    x[i] = FloatMath.silu(x[i]);
                }
            }
            case TANH -> {
                for (int i = 0; i < count; i++) {
                    x[i] = (float) Math.tanh(x[i]);
                }
            }
            case SIGMOID -> {
                for (int i = 0; i < count; i++) {
                    x[i] = FloatMath.sigmoid(x[i]);
                }
            }
        }
    }

    static void add(float[] sum, float[] x, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] += x[i];
        }
    }

    /**
     * Reads {@code count} floats from index {@code first} on into {@code array}, or into a new array if it is too
     * short.
     */
    static float[] read(float[] array, FloatBuffer buffer, int first, int count) {
        float[] read = array.length < count ? new float[count] : array;
        buffer.get(first, read, 0, count);
        return read;
    }
}
