package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.kernel.OneDnnPrimitive.Argument;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Precision;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;

/**
 * The kernels on oneDNN primitives. Bias, activation and residual are fused into the matrix products (<a
 * href="https://uxlfoundation.github.io/oneDNN/v3.11/dev_guide_matmul.html">matmul</a>); softmax and layer
 * normalisation are oneDNN's own. A primitive is compiled when its sizes first occur, and kept.
 */
final class OneDnnKernels extends HostKernels {
    private final OneDnnStream oneDnn = new OneDnnStream();
    private final OneDnnLinears linears;
    private final OneDnnAttention attention;

    private record NormSize(int rows, int columns, boolean toBfloat16, boolean rms, float epsilon) {}

    private record BinarySize(
            int algorithm,
            int rows,
            int columns,
            int inStride,
            boolean ofBfloat16,
            int outStride,
            boolean toBfloat16) {}

    OneDnnKernels(Precision precision) {
        linears = OneDnnLinears.of(precision, oneDnn);
        attention = new OneDnnAttention(oneDnn);
    }

    @Override
    public void bindThread() {
        OpenMp.bindThread();
    }

    /** Packs a weight [N, K] into oneDNN's layout. */
    Packed pack(Matrix weight, Matrix bias) {
        return linears.pack(weight, bias);
    }

    @Override
    public void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation) {
        linears.linear(out, in, (Packed) weights, activation, false);
    }

    @Override
    public void linearAdd(Matrix sum, Matrix in, PackedLinear weights) {
        linears.linear(sum, in, (Packed) weights, null, true);
    }

    @Override
    public void norm(Matrix out, Matrix in, Norm norm) {
        NormSize size = new NormSize(in.rows(), in.columns(), out.isBfloat16(), norm.isRms(), norm.epsilon());
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileNorm(out, in, norm));
        if (norm.isRms()) {
            oneDnn.run(primitive, out, in, norm.scale());
        } else {
            oneDnn.run(primitive, out, in, norm.scale(), norm.shift());
        }
    }

    private OneDnnPrimitive compileNorm(Matrix out, Matrix in, Norm norm) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc source = descriptors.strided(in);
            dnnl_memory_desc target = descriptors.strided(out);
            dnnl_memory_desc vector = descriptors.strided(new long[] {in.columns()}, 1);
            List<Argument> arguments = new ArrayList<>(List.of(
                    new Argument(DNNL_ARG_DST, target),
                    new Argument(DNNL_ARG_SRC, source),
                    new Argument(DNNL_ARG_SCALE, vector)));
            if (!norm.isRms()) {
                arguments.add(new Argument(DNNL_ARG_SHIFT, vector));
            }
            return oneDnn.compile(
                    "layer_normalization_forward_primitive_desc_create",
                    (descriptor, engine, attributes) -> dnnl_layer_normalization_forward_primitive_desc_create(
                            descriptor,
                            engine,
                            dnnl_forward_inference,
                            source,
                            target,
                            null,
                            norm.epsilon(),
                            dnnl_use_scale | (norm.isRms() ? dnnl_rms_norm : dnnl_use_shift),
                            attributes),
                    arguments.toArray(Argument[]::new));
        }
    }

    @Override
    public void add(Matrix sum, Matrix in) {
        binary(dnnl_binary_add, sum, in);
    }

    @Override
    public void multiply(Matrix product, Matrix in) {
        binary(dnnl_binary_mul, product, in);
    }

    /** {@code out = out . in}, element by element, with one of oneDNN's binary algorithms. */
    private void binary(int algorithm, Matrix out, Matrix in) {
        BinarySize size = new BinarySize(
                algorithm, in.rows(), in.columns(), in.stride(), in.isBfloat16(), out.stride(), out.isBfloat16());
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileBinary(algorithm, out, in));
        oneDnn.run(primitive, out, out, in);
    }

    private OneDnnPrimitive compileBinary(int algorithm, Matrix out, Matrix in) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc target = descriptors.strided(out);
            dnnl_memory_desc source = descriptors.strided(in);
            return oneDnn.compile(
                    "binary_primitive_desc_create",
                    (descriptor, engine, attributes) -> dnnl_binary_primitive_desc_create(
                            descriptor, engine, algorithm, target, source, target, attributes),
                    new Argument(DNNL_ARG_DST, target),
                    new Argument(DNNL_ARG_SRC_0, target),
                    new Argument(DNNL_ARG_SRC_1, source));
        }
    }

    @Override
    public void attention(Attention operands, Matrix scratch) {
        attention.run(operands, scratch);
    }

    @Override
    public void close() {
        linears.close();
        attention.close();
        oneDnn.close();
    }
}
