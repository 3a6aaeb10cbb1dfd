package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.attributes;
import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.destroy;
import static dev.braid.kernel.OneDnn.strided;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.nd4j.nativeblas.NativeOpsHolder;

/**
 * The kernels on oneDNN primitives: bias, activation and residual are fused into the matrix products
 * (<a href="https://uxlfoundation.github.io/oneDNN/v3.11/dev_guide_matmul.html">matmul</a>), softmax and layer
 * normalisation are oneDNN's own. A primitive is compiled for its sizes when they first occur and kept; those of attention,
 * whose sizes are as many as there are sequence lengths, are kept up to a limit, the longest unused one going first.
 */
final class OneDnnKernels implements Kernels {
    /** Sequence lengths whose attention stays compiled; oneDNN's own process-wide cache stands behind. */
    private static final int ATTENTION_SIZES = 256;

    private final OneDnnStream oneDnn = new OneDnnStream();
    private final OneDnnLinears linears;
    private final Map<AttentionSize, Attention> attentions = new LinkedHashMap<>(64, 0.75f, true);

    private record NormSize(int rows, int columns, float epsilon) {}

    private record AddSize(int rows, int columns, int inStride, int outStride) {}

    private record AttentionSize(
            int queries,
            int keys,
            int columns,
            int heads,
            int queryStride,
            int keyStride,
            int valueStride,
            int contextStride) {}

    private record Attention(OneDnnPrimitive scores, OneDnnPrimitive softmax, OneDnnPrimitive context)
            implements AutoCloseable {
        @Override
        public void close() {
            scores.close();
            softmax.close();
            context.close();
        }
    }

    /** With linear maps of float32 operands, or of bfloat16 ones. */
    OneDnnKernels(boolean bfloat16) {
        linears = new OneDnnLinears(oneDnn, bfloat16);
    }

    @Override
    public void bindThread() {
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(1);
    }

    /** A weight [N, K] in oneDNN's layout. */
    Packed pack(Matrix weight, Matrix bias) {
        return linears.pack(weight, bias);
    }

    @Override
    public void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation) {
        linears.linear(out, in, (Packed) weights, activation, false);
    }

    @Override
    public void linearAdd(Matrix sum, Matrix in, PackedLinear weights) {
        linears.linear(sum, in, (Packed) weights, Activation.NONE, true);
    }

    @Override
    public void layerNorm(Matrix out, Matrix in, Norm norm) {
        NormSize size = new NormSize(in.rows(), in.columns(), norm.epsilon());
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileNorm(in, norm.epsilon()));
        oneDnn.run(primitive, out, in, norm.scale(), norm.shift());
    }

    private OneDnnPrimitive compileNorm(Matrix in, float epsilon) {
        dnnl_memory_desc tensor = strided(in);
        dnnl_memory_desc vector = strided(new long[] {in.columns()}, 1);
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_layer_normalization_forward_primitive_desc_create(
                        descriptor,
                        oneDnn.engine(),
                        dnnl_forward_inference,
                        tensor,
                        tensor,
                        null,
                        epsilon,
                        dnnl_use_scale | dnnl_use_shift,
                        attributes),
                "layer_normalization_forward_primitive_desc_create");
        OneDnnPrimitive primitive = oneDnn.compile(
                descriptor,
                attributes,
                new Argument(DNNL_ARG_DST, tensor),
                new Argument(DNNL_ARG_SRC, tensor),
                new Argument(DNNL_ARG_SCALE, vector),
                new Argument(DNNL_ARG_SHIFT, vector));
        destroy(tensor, vector);
        return primitive;
    }

    @Override
    public void add(Matrix sum, Matrix in) {
        AddSize size = new AddSize(in.rows(), in.columns(), in.stride(), sum.stride());
        OneDnnPrimitive primitive = oneDnn.primitive(size, () -> compileAdd(sum, in));
        oneDnn.run(primitive, sum, sum, in);
    }

    private OneDnnPrimitive compileAdd(Matrix sum, Matrix in) {
        dnnl_memory_desc target = strided(sum);
        dnnl_memory_desc source = strided(in);
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_binary_primitive_desc_create(
                        descriptor, oneDnn.engine(), dnnl_binary_add, target, source, target, attributes),
                "binary_primitive_desc_create");
        OneDnnPrimitive primitive = oneDnn.compile(
                descriptor,
                attributes,
                new Argument(DNNL_ARG_DST, target),
                new Argument(DNNL_ARG_SRC_0, target),
                new Argument(DNNL_ARG_SRC_1, source));
        destroy(source, target);
        return primitive;
    }

    @Override
    public void attention(Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores, int heads) {
        AttentionSize size = new AttentionSize(
                query.rows(),
                key.rows(),
                query.columns(),
                heads,
                query.stride(),
                key.stride(),
                value.stride(),
                context.stride());
        Attention attention = attentions.get(size);
        if (attention == null) {
            attention = compileAttention(size);
            attentions.put(size, attention);
            forgetLongestUnused();
        }
        oneDnn.run(attention.scores(), scores, query, key);
        oneDnn.run(attention.softmax(), scores, scores);
        oneDnn.run(attention.context(), context, scores, value);
    }

    private void forgetLongestUnused() {
        if (attentions.size() > ATTENTION_SIZES) {
            var eldest = attentions.entrySet().iterator();
            eldest.next().getValue().close();
            eldest.remove();
        }
    }

    /** All heads of a row in one batched product each: tensors [H, Q, D/H], [H, D/H, S], [H, Q, S], [H, S, D/H]. */
    private Attention compileAttention(AttentionSize size) {
        int headSize = size.columns() / size.heads();
        long[] queryShape = {size.heads(), size.queries(), headSize};
        long[] scoresShape = {size.heads(), size.queries(), size.keys()};
        dnnl_memory_desc query = strided(queryShape, headSize, size.queryStride(), 1);
        dnnl_memory_desc key = strided(new long[] {size.heads(), headSize, size.keys()}, headSize, 1, size.keyStride());
        dnnl_memory_desc value =
                strided(new long[] {size.heads(), size.keys(), headSize}, headSize, size.valueStride(), 1);
        dnnl_memory_desc context = strided(queryShape, headSize, size.contextStride(), 1);
        dnnl_memory_desc scores = strided(scoresShape, (long) size.queries() * size.keys(), size.keys(), 1);
        Attention attention = new Attention(
                compileProduct(scores, query, key), compileSoftmax(scores), compileProduct(context, scores, value));
        destroy(query, key, value, context, scores);
        return attention;
    }

    private OneDnnPrimitive compileProduct(dnnl_memory_desc out, dnnl_memory_desc left, dnnl_memory_desc right) {
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_matmul_primitive_desc_create(descriptor, oneDnn.engine(), left, right, null, out, attributes),
                "matmul_primitive_desc_create");
        return oneDnn.compile(
                descriptor,
                attributes,
                new Argument(DNNL_ARG_DST, out),
                new Argument(DNNL_ARG_SRC, left),
                new Argument(DNNL_ARG_WEIGHTS, right));
    }

    private OneDnnPrimitive compileSoftmax(dnnl_memory_desc scores) {
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_softmax_forward_primitive_desc_create(
                        descriptor,
                        oneDnn.engine(),
                        dnnl_forward_inference,
                        dnnl_softmax_accurate,
                        scores,
                        scores,
                        2,
                        attributes),
                "softmax_forward_primitive_desc_create");
        return oneDnn.compile(
                descriptor, attributes, new Argument(DNNL_ARG_DST, scores), new Argument(DNNL_ARG_SRC, scores));
    }

    @Override
    public void close() {
        linears.close();
        attentions.values().forEach(Attention::close);
        oneDnn.close();
    }
}
