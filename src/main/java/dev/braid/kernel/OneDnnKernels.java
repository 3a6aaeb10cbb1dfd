package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.anyLayout;
import static dev.braid.kernel.OneDnn.attributes;
import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.destroy;
import static dev.braid.kernel.OneDnn.strided;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnLibrary.Packed;
import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/**
 * The kernels on oneDNN primitives: bias, activation and residual are fused into the matrix products
 * (<a href="https://uxlfoundation.github.io/oneDNN/v3.11/dev_guide_matmul.html">matmul</a>), softmax and layer
 * normalisation are oneDNN's own. A primitive is compiled for its sizes when they first occur and kept; those of attention,
 * whose sizes are as many as there are sequence lengths, are kept up to a limit, the longest unused one going first.
 */
final class OneDnnKernels implements Kernels {
    /** Sequence lengths whose attention stays compiled; oneDNN's own process-wide cache stands behind. */
    private static final int ATTENTION_SIZES = 256;

    /** The height for which a weight's layout is chosen; the primitives of all other heights take that layout over. */
    private static final int LAYOUT_HEIGHT = 128;

    private final int threads;
    private final dnnl_engine engine = new dnnl_engine();
    private final dnnl_stream stream = new dnnl_stream();
    private final Map<Record, OneDnnPrimitive> primitives = new HashMap<>();
    private final Map<AttentionSize, Attention> attentions = new LinkedHashMap<>(64, 0.75f, true);
    private Matrix scratch = Matrix.allocate(1, 1024);

    private record LinearSize(
            int rows, int inputs, int outputs, int inStride, int outStride, Activation activation, boolean sum) {}

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

    OneDnnKernels(int threads) {
        this.threads = threads;
        check(dnnl_engine_create(engine, dnnl_cpu, 0), "engine_create");
        check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags), "stream_create");
    }

    @Override
    public void bindThread() {
        OpenMp.bindThread(threads);
    }

    /** Chooses the layout of a weight [N, K] and reorders it. */
    Packed pack(Matrix weight, Matrix bias) {
        int outputs = weight.rows();
        int inputs = weight.columns();
        dnnl_memory_desc transposed = strided(new long[] {inputs, outputs}, 1, weight.stride());
        dnnl_memory_desc layout = chosenLayout(inputs, outputs);
        int elements = Math.toIntExact((dnnl_memory_desc_get_size(layout) + Float.BYTES - 1) / Float.BYTES);
        Matrix packed = Matrix.allocate(1, elements);
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        dnnl_primitive_attr attributes = attributes();
        check(
                dnnl_reorder_primitive_desc_create(descriptor, transposed, engine, layout, engine, attributes),
                "reorder_primitive_desc_create");
        try (OneDnnPrimitive reorder = compile(
                descriptor, attributes, new Argument(DNNL_ARG_SRC, transposed), new Argument(DNNL_ARG_DST, layout))) {
            run(reorder, weight, packed);
        }
        destroy(transposed);
        Matrix ownBias = Matrix.allocate(1, outputs);
        ownBias.buffer().put(bias.buffer());
        return new Packed(inputs, outputs, layout, packed, ownBias);
    }

    private dnnl_memory_desc chosenLayout(int inputs, int outputs) {
        dnnl_memory_desc in = strided(new long[] {LAYOUT_HEIGHT, inputs}, inputs, 1);
        dnnl_memory_desc out = strided(new long[] {LAYOUT_HEIGHT, outputs}, outputs, 1);
        dnnl_memory_desc any = anyLayout(inputs, outputs);
        dnnl_memory_desc bias = strided(new long[] {1, outputs}, outputs, 1);
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_matmul_primitive_desc_create(descriptor, engine, in, any, bias, out, attributes),
                "matmul_primitive_desc_create");
        dnnl_memory_desc layout = new dnnl_memory_desc();
        check(
                dnnl_memory_desc_clone(layout, dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0)),
                "memory_desc_clone");
        check(dnnl_primitive_desc_destroy(descriptor), "primitive_desc_destroy");
        check(dnnl_primitive_attr_destroy(attributes), "primitive_attr_destroy");
        destroy(in, out, any, bias);
        return layout;
    }

    @Override
    public void linear(Matrix out, Matrix in, PackedLinear weights, Activation activation) {
        linear(out, in, (Packed) weights, activation, false);
    }

    @Override
    public void linearAdd(Matrix sum, Matrix in, PackedLinear weights) {
        linear(sum, in, (Packed) weights, Activation.NONE, true);
    }

    private void linear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum) {
        LinearSize size = new LinearSize(
                in.rows(), weights.inputs(), weights.outputs(), in.stride(), out.stride(), activation, sum);
        OneDnnPrimitive primitive = primitive(size, () -> compileLinear(out, in, weights, activation, sum));
        run(primitive, out, in, weights.weight(), weights.bias());
    }

    private OneDnnPrimitive compileLinear(Matrix out, Matrix in, Packed weights, Activation activation, boolean sum) {
        dnnl_memory_desc source = strided(in);
        dnnl_memory_desc target = strided(out);
        dnnl_memory_desc bias = strided(new long[] {1, weights.outputs()}, weights.outputs(), 1);
        dnnl_primitive_attr attributes = attributes();
        dnnl_post_ops postOps = new dnnl_post_ops();
        check(dnnl_post_ops_create(postOps), "post_ops_create");
        if (sum) {
            check(dnnl_post_ops_append_sum(postOps, 1f, 0, dnnl_f32), "post_ops_append_sum");
        }
        int algorithm = switch (activation) {
            case NONE -> dnnl_alg_kind_undef;
            case RELU -> dnnl_eltwise_relu;
            case GELU -> dnnl_eltwise_gelu_erf;
            case GELU_TANH -> dnnl_eltwise_gelu_tanh;
            case TANH -> dnnl_eltwise_tanh;
        };
        if (activation != Activation.NONE) {
            check(dnnl_post_ops_append_eltwise(postOps, algorithm, 0f, 0f), "post_ops_append_eltwise");
        }
        check(dnnl_primitive_attr_set_post_ops(attributes, postOps), "attr_set_post_ops");
        check(dnnl_post_ops_destroy(postOps), "post_ops_destroy");
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_matmul_primitive_desc_create(
                        descriptor, engine, source, weights.layout(), bias, target, attributes),
                "matmul_primitive_desc_create");
        OneDnnPrimitive primitive = compile(
                descriptor,
                attributes,
                new Argument(DNNL_ARG_DST, target),
                new Argument(DNNL_ARG_SRC, source),
                new Argument(DNNL_ARG_WEIGHTS, weights.layout()),
                new Argument(DNNL_ARG_BIAS, bias));
        destroy(source, target, bias);
        return primitive;
    }

    @Override
    public void layerNorm(Matrix out, Matrix in, Norm norm) {
        NormSize size = new NormSize(in.rows(), in.columns(), norm.epsilon());
        OneDnnPrimitive primitive = primitive(size, () -> compileNorm(in, norm.epsilon()));
        run(primitive, out, in, norm.scale(), norm.shift());
    }

    private OneDnnPrimitive compileNorm(Matrix in, float epsilon) {
        dnnl_memory_desc tensor = strided(in);
        dnnl_memory_desc vector = strided(new long[] {in.columns()}, 1);
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_layer_normalization_forward_primitive_desc_create(
                        descriptor,
                        engine,
                        dnnl_forward_inference,
                        tensor,
                        tensor,
                        null,
                        epsilon,
                        dnnl_use_scale | dnnl_use_shift,
                        attributes),
                "layer_normalization_forward_primitive_desc_create");
        OneDnnPrimitive primitive = compile(
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
        OneDnnPrimitive primitive = primitive(size, () -> compileAdd(sum, in));
        run(primitive, sum, sum, in);
    }

    private OneDnnPrimitive compileAdd(Matrix sum, Matrix in) {
        dnnl_memory_desc target = strided(sum);
        dnnl_memory_desc source = strided(in);
        dnnl_primitive_attr attributes = attributes();
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(
                dnnl_binary_primitive_desc_create(
                        descriptor, engine, dnnl_binary_add, target, source, target, attributes),
                "binary_primitive_desc_create");
        OneDnnPrimitive primitive = compile(
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
        run(attention.scores(), scores, query, key);
        run(attention.softmax(), scores, scores);
        run(attention.context(), context, scores, value);
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
                dnnl_matmul_primitive_desc_create(descriptor, engine, left, right, null, out, attributes),
                "matmul_primitive_desc_create");
        return compile(
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
                        engine,
                        dnnl_forward_inference,
                        dnnl_softmax_accurate,
                        scores,
                        scores,
                        2,
                        attributes),
                "softmax_forward_primitive_desc_create");
        return compile(descriptor, attributes, new Argument(DNNL_ARG_DST, scores), new Argument(DNNL_ARG_SRC, scores));
    }

    private OneDnnPrimitive primitive(Record size, Supplier<OneDnnPrimitive> compiler) {
        OneDnnPrimitive primitive = primitives.get(size);
        if (primitive == null) {
            primitive = compiler.get();
            primitives.put(size, primitive);
        }
        return primitive;
    }

    /** Compiles and takes over both descriptors; scratch memory grows to what the primitive needs. */
    private OneDnnPrimitive compile(
            dnnl_primitive_desc descriptor, dnnl_primitive_attr attributes, Argument... arguments) {
        OneDnnPrimitive primitive = new OneDnnPrimitive(engine, descriptor, arguments);
        check(dnnl_primitive_attr_destroy(attributes), "primitive_attr_destroy");
        int elements = Math.toIntExact((primitive.scratchBytes() + Float.BYTES - 1) / Float.BYTES);
        if (elements > scratch.columns()) {
            scratch.close();
            scratch = Matrix.allocate(1, elements);
        }
        return primitive;
    }

    private void run(OneDnnPrimitive primitive, Matrix... operands) {
        Pointer[] addresses = new Pointer[operands.length + 1];
        for (int i = 0; i < operands.length; i++) {
            addresses[i] = operands[i].pointer();
        }
        addresses[operands.length] = scratch.pointer();
        primitive.run(stream, addresses);
    }

    @Override
    public void close() {
        primitives.values().forEach(OneDnnPrimitive::close);
        attentions.values().forEach(Attention::close);
        scratch.close();
        check(dnnl_stream_destroy(stream), "stream_destroy");
        check(dnnl_engine_destroy(engine), "engine_destroy");
    }
}
