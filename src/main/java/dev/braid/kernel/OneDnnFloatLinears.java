package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.destroy;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.kernel.OneDnnPrimitive.Argument;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;

/**
 * Linear maps on oneDNN's matmul, with bias, activation and residual fused into it. Weights and inputs are float32 or
 * bfloat16. For bfloat16, weights are rounded when they are packed and float32 inputs before each product. Sums, bias
 * and activation are float32 even if the output is then rounded to bfloat16.
 */
final class OneDnnFloatLinears implements OneDnnLinears {
    private final OneDnnStream oneDnn;
    private final boolean bfloat16;
    /** oneDNN's type of weights and inputs. */
    private final int operandType;
    /** The input of the current map rounded to bfloat16, dense; grows to the largest input. */
    private Matrix rounded = Matrix.allocate(1, 1);

    private record LinearSize(
            int rows,
            int inputs,
            int outputs,
            int inStride,
            int outStride,
            boolean toBfloat16,
            Activation activation,
            boolean sum) {}

    private record RoundingSize(int rows, int columns, int stride) {}

    OneDnnFloatLinears(OneDnnStream oneDnn, boolean bfloat16) {
        this.oneDnn = oneDnn;
        this.bfloat16 = bfloat16;
        this.operandType = OneDnn.type(bfloat16);
    }

    @Override
    public Packed pack(Matrix weight, Matrix bias) {
        int outputs = weight.rows();
        int inputs = weight.columns();
        dnnl_memory_desc layout = chosenLayout(inputs, outputs);
        List<Matrix> made = new ArrayList<>();
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc transposed = descriptors.strided(new long[] {inputs, outputs}, 1, weight.stride());
            made.add(OneDnnLinears.reordered(oneDnn, weight, transposed, layout));
            made.add(Matrix.allocate(1, outputs));
            made.get(1).buffer().put(bias.buffer());
            return new Packed(inputs, outputs, layout, made.get(0), made.get(1), null);
        } catch (RuntimeException | Error failure) {
            made.forEach(Matrix::close);
            destroy(layout);
            throw failure;
        }
    }

    /** The layout that oneDNN's matmul prefers for a weight of these sizes. The caller destroys it. */
    private dnnl_memory_desc chosenLayout(int inputs, int outputs) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc in = descriptors.strided(operandType, new long[] {LAYOUT_HEIGHT, inputs}, inputs, 1);
            dnnl_memory_desc out = descriptors.strided(new long[] {LAYOUT_HEIGHT, outputs}, outputs, 1);
            dnnl_memory_desc any = descriptors.anyLayout(operandType, inputs, outputs);
            dnnl_memory_desc bias = descriptors.strided(new long[] {1, outputs}, outputs, 1);
            return OneDnnLinears.chosenLayout(oneDnn, in, any, bias, out, descriptors.attributes());
        }
    }

    @Override
    public void linear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum) {
        Matrix operand = in;
        int stride = in.stride();
        if (bfloat16 && !in.isBfloat16()) {
            round(in);
            operand = rounded;
            stride = in.columns();
        }
        LinearSize size = new LinearSize(
                in.rows(),
                weights.inputs(),
                weights.outputs(),
                stride,
                out.stride(),
                out.isBfloat16(),
                activation,
                sum);
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileLinear(size, weights));
        oneDnn.run(primitive, out, operand, weights.weight(), weights.bias());
    }

    /** Rounds an input to {@link #rounded}: to the nearest bfloat16, ties to even. */
    private void round(Matrix in) {
        RoundingSize size = new RoundingSize(in.rows(), in.columns(), in.stride());
        OneDnnPrimitive rounding = oneDnn.primitive(size, () -> compileRounding(in));
        oneDnn.run(rounding, rounded, in);
    }

    private OneDnnPrimitive compileRounding(Matrix in) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc source = descriptors.strided(in);
            dnnl_memory_desc target =
                    descriptors.strided(dnnl_bf16, new long[] {in.rows(), in.columns()}, in.columns(), 1);
            rounded = OneDnnStream.grown(rounded, dnnl_memory_desc_get_size(target));
            return oneDnn.compileReorder(source, target);
        }
    }

    private OneDnnPrimitive compileLinear(LinearSize size, Packed weights) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc source =
                    descriptors.strided(operandType, new long[] {size.rows(), size.inputs()}, size.inStride(), 1);
            dnnl_memory_desc target = descriptors.strided(
                    OneDnn.type(size.toBfloat16()), new long[] {size.rows(), size.outputs()}, size.outStride(), 1);
            dnnl_memory_desc bias = descriptors.strided(new long[] {1, size.outputs()}, size.outputs(), 1);
            return oneDnn.compile(
                    "matmul_primitive_desc_create",
                    (descriptor, engine, attributes) -> {
                        OneDnnLinears.setPostOps(attributes, null, size.sum(), size.activation());
                        return dnnl_matmul_primitive_desc_create(
                                descriptor, engine, source, weights.layout(), bias, target, attributes);
                    },
                    new Argument(DNNL_ARG_DST, target),
                    new Argument(DNNL_ARG_SRC, source),
                    new Argument(DNNL_ARG_WEIGHTS, weights.layout()),
                    new Argument(DNNL_ARG_BIAS, bias));
        }
    }

    @Override
    public void close() {
        rounded.close();
    }
}
