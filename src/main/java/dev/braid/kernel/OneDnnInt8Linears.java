package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.destroy;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.kernel.OneDnnPrimitive.Argument;
import dev.braid.tensor.Activation;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;

/**
 * Linear maps that multiply 8-bit integers: {@code y[n] = s t[n] sum(q[k] p[n, k]) + b[n]}. Each row of the input has a
 * scale {@code s = max |x| / 127} and integers {@code q = round(x / s)}; each output n of the weight has a scale t[n]
 * and integers p[n, k] likewise. Wu et al. 2020 (arXiv 2004.09602), section 3.1.2. The sums of integers are exact, so
 * the bits of a row do not depend on other rows. Inputs and outputs are float32.
 *
 * <p>In oneDNN's fast product, a scale per row is possible only as a post-operation on tensors of three dimensions, and
 * a bias is not possible after it. So the bias is written to the output first, and the product is added to the output.
 */
final class OneDnnInt8Linears implements OneDnnLinears {
    private static final float LARGEST_INT8 = 127f;

    /**
     * Rows and outputs whose largest number is below this become zeros, because the inverse of their scale would
     * overflow.
     */
    private static final float LEAST = Float.MIN_NORMAL * 128;

    private final OneDnnStream oneDnn;
    private float[] row = new float[0];
    private float[] bias = new float[0];
    /** The input of the current map divided by its scales, before rounding, dense; grows to the largest input. */
    private Matrix scaled = Matrix.allocate(1, 1);
    /** The input of the current map as integers, dense; grows to the largest input. */
    private Matrix integers = Matrix.allocate(1, 1);
    /** The scale of each row of the current input; grows to the input with the most rows. */
    private Matrix scales = Matrix.allocate(1, 1);

    private record LinearSize(int rows, int inputs, int outputs, int outStride, Activation activation) {}

    private record RoundingSize(int rows, int columns) {}

    OneDnnInt8Linears(OneDnnStream oneDnn) {
        this.oneDnn = oneDnn;
    }

    @Override
    public Packed pack(Matrix weight, Matrix bias) {
        int outputs = weight.rows();
        int inputs = weight.columns();
        dnnl_memory_desc layout = chosenLayout(inputs, outputs);
        List<Matrix> made = new ArrayList<>();
        try (Descriptors descriptors = new Descriptors();
                Matrix rounded = Matrix.allocate(1, OneDnn.floats((long) inputs * outputs))) {
            Matrix biases = Matrix.allocate(1, outputs);
            made.add(biases);
            biases.buffer().put(bias.buffer());
            Matrix ofOutputs = Matrix.allocate(1, outputs);
            made.add(ofOutputs);
            ByteBuffer bytes = rounded.bytes();
            for (int n = 0; n < outputs; n++) {
                float inverse = scaleRow(weight, n, ofOutputs.buffer());
                for (int k = 0; k < inputs; k++) {
                    bytes.put(n * inputs + k, (byte) Math.rint(row[k] * inverse));
                }
            }
            dnnl_memory_desc transposed =
                    descriptors.strided(dnnl_s8, new long[] {1, inputs, outputs}, (long) inputs * outputs, 1, inputs);
            Matrix packed = OneDnnLinears.reordered(oneDnn, rounded, transposed, layout);
            made.add(packed);
            return new Packed(inputs, outputs, layout, packed, biases, ofOutputs);
        } catch (RuntimeException | Error failure) {
            made.forEach(Matrix::close);
            destroy(layout);
            throw failure;
        }
    }

    private dnnl_memory_desc chosenLayout(int inputs, int outputs) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc in = dense(descriptors, dnnl_s8, LAYOUT_HEIGHT, inputs, inputs);
            dnnl_memory_desc out = dense(descriptors, dnnl_f32, LAYOUT_HEIGHT, outputs, outputs);
            dnnl_memory_desc any = descriptors.anyLayout(dnnl_s8, 1, inputs, outputs);
            dnnl_primitive_attr attributes = descriptors.attributes();
            scaleWeights(attributes);
            return OneDnnLinears.chosenLayout(oneDnn, in, any, null, out, attributes);
        }
    }

    /** A tensor [1, rows, columns] with rows {@code stride} elements apart. */
    private static dnnl_memory_desc dense(Descriptors descriptors, int type, long rows, long columns, long stride) {
        return descriptors.strided(type, new long[] {1, rows, columns}, rows * stride, stride, 1);
    }

    /** Gives the weight a scale for each output, its last of three dimensions. */
    private static void scaleWeights(dnnl_primitive_attr attributes) {
        check(dnnl_primitive_attr_set_scales_mask(attributes, DNNL_ARG_WEIGHTS, 1 << 2), "attr_set_scales_mask");
    }

    @Override
    public void linear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum) {
        round(in);
        addBias(out, weights, sum);
        LinearSize size = new LinearSize(in.rows(), weights.inputs(), weights.outputs(), out.stride(), activation);
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileLinear(size, weights));
        oneDnn.run(primitive, out, integers, weights.weight(), weights.scales(), scales);
    }

    /** Rounds an input to {@link #integers} and {@link #scales}. */
    private void round(Matrix in) {
        int columns = in.columns();
        RoundingSize size = new RoundingSize(in.rows(), columns);
        OneDnnPrimitive rounding = oneDnn.primitive(size, () -> compileRounding(size));
        FloatBuffer ofRows = scales.buffer();
        FloatBuffer target = scaled.buffer();
        for (int r = 0; r < in.rows(); r++) {
            float inverse = scaleRow(in, r, ofRows);
            multiply(row, inverse, columns);
            target.put(r * columns, row, 0, columns);
        }
        oneDnn.run(rounding, integers, scaled);
    }

    /** Reads row r into {@link #row}, writes its scale to {@code ofRows}, and returns the inverse of the scale. */
    private float scaleRow(Matrix matrix, int r, FloatBuffer ofRows) {
        row = HostKernels.read(row, matrix.buffer(), r * matrix.stride(), matrix.columns());
        float largest = largest(row, matrix.columns());
        ofRows.put(r, largest / LARGEST_INT8);
        return largest < LEAST ? 0f : LARGEST_INT8 / largest;
    }

    /** The largest absolute value of the first {@code count} numbers; NaN if one of them is NaN. */
    private static float largest(float[] x, int count) {
        float largest = 0;
        for (int i = 0; i < count; i++) {
            largest = Math.max(largest, Math.abs(x[i]));
        }
        return largest;
    }

    private static void multiply(float[] x, float factor, int count) {
        for (int i = 0; i < count; i++) {
            x[i] *= factor;
        }
    }

    private OneDnnPrimitive compileRounding(RoundingSize size) {
        try (Descriptors descriptors = new Descriptors()) {
            long[] dimensions = {size.rows(), size.columns()};
            dnnl_memory_desc source = descriptors.strided(dnnl_f32, dimensions, size.columns(), 1);
            dnnl_memory_desc target = descriptors.strided(dnnl_s8, dimensions, size.columns(), 1);
            scaled = OneDnnStream.grown(scaled, dnnl_memory_desc_get_size(source));
            integers = OneDnnStream.grown(integers, dnnl_memory_desc_get_size(target));
            scales = OneDnnStream.grown(scales, (long) size.rows() * Float.BYTES);
            return oneDnn.compileReorder(source, target);
        }
    }

    /**
     * Adds the bias to the output if {@code sum}, otherwise overwrites the output with the bias. The product is added
     * later.
     */
    private void addBias(Matrix out, Packed weights, boolean sum) {
        int columns = weights.outputs();
        bias = HostKernels.read(bias, weights.bias().buffer(), 0, columns);
        FloatBuffer target = out.buffer();
        for (int r = 0; r < out.rows(); r++) {
            if (sum) {
                row = HostKernels.read(row, target, r * out.stride(), columns);
                HostKernels.add(row, bias, columns);
                target.put(r * out.stride(), row, 0, columns);
            } else {
                target.put(r * out.stride(), bias, 0, columns);
            }
        }
    }

    private OneDnnPrimitive compileLinear(LinearSize size, Packed weights) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc source = dense(descriptors, dnnl_s8, size.rows(), size.inputs(), size.inputs());
            dnnl_memory_desc target = dense(descriptors, dnnl_f32, size.rows(), size.outputs(), size.outStride());
            dnnl_memory_desc ofOutputs = descriptors.strided(new long[] {size.outputs()}, 1);
            dnnl_memory_desc ofRows = dense(descriptors, dnnl_f32, size.rows(), 1, 1);
            return oneDnn.compile(
                    "matmul_primitive_desc_create",
                    (descriptor, engine, attributes) -> {
                        scaleWeights(attributes);
                        OneDnnLinears.setPostOps(attributes, ofRows, true, size.activation());
                        return dnnl_matmul_primitive_desc_create(
                                descriptor, engine, source, weights.layout(), null, target, attributes);
                    },
                    new Argument(DNNL_ARG_DST, target),
                    new Argument(DNNL_ARG_SRC, source),
                    new Argument(DNNL_ARG_WEIGHTS, weights.layout()),
                    new Argument(DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, ofOutputs),
                    new Argument(DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1, ofRows));
        }
    }

    @Override
    public void close() {
        scaled.close();
        integers.close();
        scales.close();
    }
}
