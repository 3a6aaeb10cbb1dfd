package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.created;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/** Linear maps on oneDNN's matmul. */
interface OneDnnLinears extends AutoCloseable {
    /**
     * The number of input rows for which a weight's layout is chosen. Products of any other number of rows use that
     * layout too.
     */
    int LAYOUT_HEIGHT = 128;

    static OneDnnLinears of(Multiplied multiplied, OneDnnStream oneDnn) {
        return switch (multiplied) {
            case FLOAT32 -> new OneDnnFloatLinears(oneDnn, false);
            case BFLOAT16 -> new OneDnnFloatLinears(oneDnn, true);
            case INT8 -> new OneDnnInt8Linears(oneDnn);
        };
    }

    /** Chooses a layout for a weight [N, K] and copies the weight into it. */
    Packed pack(Matrix weight, Matrix bias);

    /** {@code out = activation(in W^T + b)} or, if {@code sum}, {@code out = activation(out + in W^T + b)}. */
    void linear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum);

    @Override
    void close();

    /** The layout that a matmul prefers for its weights. The caller destroys it. */
    static dnnl_memory_desc layout(dnnl_primitive_desc matmul) {
        dnnl_memory_desc layout = new dnnl_memory_desc();
        created(
                dnnl_memory_desc_clone(layout, dnnl_primitive_desc_query_md(matmul, dnnl_query_weights_md, 0)),
                "memory_desc_clone");
        return layout;
    }

    /** Makes a product add the output's old value if {@code sum}, then apply the activation. */
    static void append(dnnl_post_ops postOps, boolean sum, Activation activation) {
        if (sum) {
            check(dnnl_post_ops_append_sum(postOps, 1f, 0, dnnl_f32), "post_ops_append_sum");
        }
        int algorithm = switch (activation) {
            case NONE -> dnnl_alg_kind_undef;
            case RELU -> dnnl_eltwise_relu;
            case GELU -> dnnl_eltwise_gelu_erf;
            case GELU_TANH -> dnnl_eltwise_gelu_tanh;
            case SILU -> dnnl_eltwise_swish;
            case TANH -> dnnl_eltwise_tanh;
            case SIGMOID -> dnnl_eltwise_logistic;
        };
        if (activation != Activation.NONE) {
            // Swish is x times the logistic function of alpha x; relu's alpha is its slope below 0.
            float alpha = activation == Activation.SILU ? 1f : 0f;
            check(dnnl_post_ops_append_eltwise(postOps, algorithm, alpha, 0f), "post_ops_append_eltwise");
        }
    }
}
