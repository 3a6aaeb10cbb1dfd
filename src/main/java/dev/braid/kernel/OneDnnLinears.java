package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.created;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Precision;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Linear maps on oneDNN's matmul. */
interface OneDnnLinears extends AutoCloseable {
    /**
     * The number of input rows for which a weight's layout is chosen. Products of any other number of rows use that
     * layout too.
     */
    int LAYOUT_HEIGHT = 128;

    static OneDnnLinears of(Precision precision, OneDnnStream oneDnn) {
        return switch (precision) {
            case FLOAT32 -> new OneDnnFloatLinears(oneDnn, false);
            case BFLOAT16 -> new OneDnnFloatLinears(oneDnn, true);
            case INT8 -> new OneDnnInt8Linears(oneDnn);
        };
    }

    /** Chooses a layout for a weight [N, K] and copies the weight into it. */
    Packed pack(Matrix weight, Matrix bias);

    /**
     * {@code out = activation(in W^T + b)} or, if {@code sum}, {@code out = activation(out + in W^T + b)}.
     *
     * @param activation null for none
     */
    void linear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum);

    @Override
    void close();

    /**
     * The layout that oneDNN's matmul prefers for its weights. The caller destroys it.
     *
     * @param weights a tensor whose layout is not chosen yet
     * @param bias may be null
     */
    static dnnl_memory_desc chosenLayout(
            OneDnnStream oneDnn,
            dnnl_memory_desc in,
            dnnl_memory_desc weights,
            dnnl_memory_desc bias,
            dnnl_memory_desc out,
            dnnl_primitive_attr attributes) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_primitive_desc matmul = new dnnl_primitive_desc();
            descriptors.own(
                    matmul,
                    dnnl_matmul_primitive_desc_create(matmul, oneDnn.engine(), in, weights, bias, out, attributes),
                    "matmul_primitive_desc_create");
            dnnl_memory_desc layout = new dnnl_memory_desc();
            created(
                    dnnl_memory_desc_clone(layout, dnnl_primitive_desc_query_md(matmul, dnnl_query_weights_md, 0)),
                    "memory_desc_clone");
            return layout;
        }
    }

    /** A copy of a weight in another layout than the given one. The caller closes it. */
    static Matrix reordered(OneDnnStream oneDnn, Matrix weight, dnnl_memory_desc given, dnnl_memory_desc layout) {
        Matrix reordered = Matrix.allocate(1, OneDnn.floats(dnnl_memory_desc_get_size(layout)));
        try (OneDnnPrimitive reorder = oneDnn.compileReorder(given, layout)) {
            oneDnn.run(reorder, reordered, weight);
            return reordered;
        } catch (RuntimeException | Error failure) {
            reordered.close();
            throw failure;
        }
    }

    /**
     * Makes a matmul multiply its product by a factor, then add it to the output, then apply the activation.
     *
     * @param factor a tensor, or null
     * @param activation null for none
     */
    static void setPostOps(
            dnnl_primitive_attr attributes, dnnl_memory_desc factor, boolean sum, Activation activation) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_post_ops postOps = descriptors.postOps();
            if (factor != null) {
                check(dnnl_post_ops_append_binary(postOps, dnnl_binary_mul, factor), "post_ops_append_binary");
            }
            if (sum) {
                check(dnnl_post_ops_append_sum(postOps, 1f, 0, dnnl_f32), "post_ops_append_sum");
            }
            if (activation != null) {
                append(postOps, activation);
            }
            check(dnnl_primitive_attr_set_post_ops(attributes, postOps), "attr_set_post_ops");
        }
    }

    private static void append(dnnl_post_ops postOps, Activation activation) {
        int algorithm = switch (activation) {
            case RELU -> dnnl_eltwise_relu;
            case GELU -> dnnl_eltwise_gelu_erf;
            case GELU_TANH -> dnnl_eltwise_gelu_tanh;
            case SILU -> dnnl_eltwise_swish;
            case TANH -> dnnl_eltwise_tanh;
            case SIGMOID -> dnnl_eltwise_logistic;
        };
        // Swish is x times the logistic function of alpha x; relu's alpha is its slope below 0.
        float alpha = activation == Activation.SILU ? 1f : 0f;
        check(dnnl_post_ops_append_eltwise(postOps, algorithm, alpha, 0f), "post_ops_append_eltwise");
    }
}
