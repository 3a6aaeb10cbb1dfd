package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.destroy;
import static dev.braid.kernel.OneDnn.strided;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_memory_desc;

/**
 * Attention of one row on oneDNN: all heads in one batched product each, tensors [H, Q, D/H], [H, D/H, S], [H, Q, S] and
 * [H, S, D/H].
 *
 * <p>There are as many sizes as rows have lengths, and products compiled for one size take about 2 MB and a millisecond. Only
 * those of short rows are, where they are much faster; longer rows, whose lengths are many, share products that take any
 * size. Which way a row goes depends on its length alone, and so do its bits.
 */
final class OneDnnAttention implements AutoCloseable {
    /** The most keys that products are compiled for. */
    private static final int SHORT_KEYS = 128;

    /** Long sizes that are kept, the longest unused one going first; oneDNN's own process-wide cache stands behind. */
    private static final int LONG_SIZES = 512;

    /** A primitive without sizes is bound to arguments later. */
    private static final Argument[] NO_ARGUMENTS = {};

    private final OneDnnStream oneDnn;
    private final int threads;
    private final Map<Size, Steps> shortSteps = new HashMap<>();
    private final Map<Size, Steps> longSteps = new LinkedHashMap<>(64, 0.75f, true);

    /** What tells one attention from another, but for the lengths. */
    private record Layout(int heads, int headSize, int queryStride, int keyStride, int valueStride, int contextStride) {

        dnnl_memory_desc query(long queries) {
            return strided(new long[] {heads, queries, headSize}, headSize, queryStride, 1);
        }

        dnnl_memory_desc key(long keys) {
            return strided(new long[] {heads, headSize, keys}, headSize, 1, keyStride);
        }

        dnnl_memory_desc value(long keys) {
            return strided(new long[] {heads, keys, headSize}, headSize, valueStride, 1);
        }

        dnnl_memory_desc context(long queries) {
            return strided(new long[] {heads, queries, headSize}, headSize, contextStride, 1);
        }

        dnnl_memory_desc scores(long queries, long keys) {
            return strided(new long[] {heads, queries, keys}, queries * keys, keys, 1);
        }
    }

    private record Size(Layout layout, int queries, int keys) {

        boolean isShort() {
            return keys <= SHORT_KEYS;
        }
    }

    /** Names the products of any size that belong to a layout. */
    private record AnySize(Layout layout, boolean ofScores) {}

    private record Steps(OneDnnPrimitive scores, OneDnnPrimitive softmax, OneDnnPrimitive context)
            implements AutoCloseable {
        @Override
        public void close() {
            scores.close();
            softmax.close();
            context.close();
        }
    }

    OneDnnAttention(OneDnnStream oneDnn, int threads) {
        this.oneDnn = oneDnn;
        this.threads = threads;
    }

    /** As {@link Kernels#attention} says. */
    void run(Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores, int heads) {
        Layout layout = new Layout(
                heads, query.columns() / heads, query.stride(), key.stride(), value.stride(), context.stride());
        run(new Size(layout, query.rows(), key.rows()), context, query, key, value, scores);
    }

    private void run(Size size, Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores) {
        // Threads that have no whole heads each would share the sums of one, whose bits then depend on their number.
        boolean alone = !size.isShort() && size.layout().heads() % threads != 0;
        if (alone) {
            OpenMp.alone(threads, () -> compute(size, context, query, key, value, scores));
        } else {
            compute(size, context, query, key, value, scores);
        }
    }

    private void compute(Size size, Matrix context, Matrix query, Matrix key, Matrix value, Matrix scores) {
        Map<Size, Steps> steps = size.isShort() ? shortSteps : longSteps;
        Steps compiled = steps.get(size);
        if (compiled == null) {
            compiled = compile(size);
            steps.put(size, compiled);
            forgetLongestUnused();
        }
        oneDnn.run(compiled.scores(), scores, query, key);
        oneDnn.run(compiled.softmax(), scores, scores);
        oneDnn.run(compiled.context(), context, scores, value);
    }

    private void forgetLongestUnused() {
        if (longSteps.size() > LONG_SIZES) {
            var eldest = longSteps.entrySet().iterator();
            eldest.next().getValue().close();
            eldest.remove();
        }
    }

    private Steps compile(Size size) {
        Layout layout = size.layout();
        dnnl_memory_desc query = layout.query(size.queries());
        dnnl_memory_desc key = layout.key(size.keys());
        dnnl_memory_desc value = layout.value(size.keys());
        dnnl_memory_desc context = layout.context(size.queries());
        dnnl_memory_desc scores = layout.scores(size.queries(), size.keys());
        Steps compiled;
        if (size.isShort()) {
            compiled = new Steps(product(scores, query, key), softmax(scores), product(context, scores, value));
        } else {
            compiled = new Steps(
                    ofAnySize(layout, true).on(oneDnn.engine(), arguments(scores, query, key)),
                    softmax(scores),
                    ofAnySize(layout, false).on(oneDnn.engine(), arguments(context, scores, value)));
        }
        destroy(query, key, value, context, scores);
        return compiled;
    }

    private OneDnnPrimitive ofAnySize(Layout layout, boolean ofScores) {
        long any = DNNL_RUNTIME_DIM_VAL;
        return oneDnn.primitive(new AnySize(layout, ofScores), () -> {
            dnnl_memory_desc scores = strided(new long[] {layout.heads(), any, any}, any, any, 1);
            dnnl_memory_desc left = ofScores ? layout.query(any) : scores;
            dnnl_memory_desc right = ofScores ? layout.key(any) : layout.value(any);
            dnnl_memory_desc out = ofScores ? scores : layout.context(any);
            OneDnnPrimitive product = product(out, left, right, NO_ARGUMENTS);
            destroy(left, right, out);
            return product;
        });
    }

    private OneDnnPrimitive product(dnnl_memory_desc out, dnnl_memory_desc left, dnnl_memory_desc right) {
        return product(out, left, right, arguments(out, left, right));
    }

    private OneDnnPrimitive product(
            dnnl_memory_desc out, dnnl_memory_desc left, dnnl_memory_desc right, Argument... arguments) {
        return oneDnn.compile(
                "matmul_primitive_desc_create",
                (descriptor, engine, attributes) ->
                        dnnl_matmul_primitive_desc_create(descriptor, engine, left, right, null, out, attributes),
                arguments);
    }

    private static Argument[] arguments(dnnl_memory_desc out, dnnl_memory_desc left, dnnl_memory_desc right) {
        return new Argument[] {
            new Argument(DNNL_ARG_DST, out), new Argument(DNNL_ARG_SRC, left), new Argument(DNNL_ARG_WEIGHTS, right)
        };
    }

    private OneDnnPrimitive softmax(dnnl_memory_desc scores) {
        return oneDnn.compile(
                "softmax_forward_primitive_desc_create",
                (descriptor, engine, attributes) -> dnnl_softmax_forward_primitive_desc_create(
                        descriptor,
                        engine,
                        dnnl_forward_inference,
                        dnnl_softmax_accurate,
                        scores,
                        scores,
                        2,
                        attributes),
                new Argument(DNNL_ARG_DST, scores),
                new Argument(DNNL_ARG_SRC, scores));
    }

    @Override
    public void close() {
        shortSteps.values().forEach(Steps::close);
        longSteps.values().forEach(Steps::close);
    }
}
