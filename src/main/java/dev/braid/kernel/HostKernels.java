package dev.braid.kernel;

import java.nio.FloatBuffer;
import java.util.function.IntUnaryOperator;

/** Kernels whose matrices lie in host memory: rows are copied and added there. */
abstract class HostKernels implements Kernels {
    /** A row at a time is added here: loops over arrays run on vector instructions, those over buffers do not. */
    private float[] sum = new float[0];

    private float[] addend = new float[0];

    @Override
    public final void copyRows(Matrix out, IntUnaryOperator to, Matrix in, IntUnaryOperator from, int count) {
        FloatBuffer target = out.buffer();
        FloatBuffer source = in.buffer();
        for (int i = 0; i < count; i++) {
            target.put(to.applyAsInt(i) * out.stride(), source, from.applyAsInt(i) * in.stride(), in.columns());
        }
    }

    @Override
    public final void addRows(Matrix target, Matrix table, IntUnaryOperator from, int count) {
        int columns = target.columns();
        if (sum.length < columns) {
            sum = new float[columns];
            addend = new float[columns];
        }
        FloatBuffer sums = target.buffer();
        FloatBuffer rows = table.buffer();
        for (int i = 0; i < count; i++) {
            sums.get(i * target.stride(), sum, 0, columns);
            rows.get(from.applyAsInt(i) * table.stride(), addend, 0, columns);
            for (int c = 0; c < columns; c++) {
                sum[c] += addend[c];
            }
            sums.put(i * target.stride(), sum, 0, columns);
        }
    }
}
