package dev.braid.bench;

import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.bench.report.Measurement;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.FloatPointer;

/**
 * oneDNN's float32 matmul and nothing else: no bias, no activation, the weight in the layout that oneDNN asks for, all
 * operands where the last run left them. The yardstick of {@code share of peak}; written without Braid's kernels, which
 * are measured by it.
 */
final class BareMatmul implements Multiplication {
    private final Product product;
    private final dnnl_engine engine = new dnnl_engine();
    private final dnnl_stream stream = new dnnl_stream();
    private final dnnl_primitive matmul = new dnnl_primitive();
    private final List<dnnl_memory> memories = new ArrayList<>();
    /** Held, so that no memory goes before its user. */
    private final List<FloatBuffer> buffers = new ArrayList<>();

    private final dnnl_exec_arg_t arguments;
    private final FloatBuffer out;

    /** The bias stays out. */
    BareMatmul(Product product, Operands operands) {
        this.product = product;
        this.out = Operands.allocate(Product.TOKENS * product.outputs());
        check(dnnl_engine_create(engine, dnnl_cpu, 0));
        check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags));
        dnnl_memory_desc x = strided(Product.TOKENS, product.inputs(), product.inputs(), 1);
        dnnl_memory_desc y = strided(Product.TOKENS, product.outputs(), product.outputs(), 1);
        dnnl_memory_desc any = any(product.inputs(), product.outputs());
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(dnnl_matmul_primitive_desc_create(descriptor, engine, x, any, null, y, new dnnl_primitive_attr()));
        check(dnnl_primitive_create(matmul, descriptor));
        dnnl_memory source = memory(x, operands.x());
        dnnl_memory target = memory(y, out);
        dnnl_memory weight =
                packed(operands.weight(), dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0));
        this.arguments = new dnnl_exec_arg_t(3);
        arguments.position(0).arg(DNNL_ARG_SRC).memory(source);
        arguments.position(1).arg(DNNL_ARG_WEIGHTS).memory(weight);
        arguments.position(2).arg(DNNL_ARG_DST).memory(target);
        arguments.position(0);
        check(dnnl_primitive_desc_destroy(descriptor));
        for (dnnl_memory_desc matrix : List.of(x, y, any)) {
            check(dnnl_memory_desc_destroy(matrix));
        }
    }

    /** A copy of a weight [N, K] in a layout that oneDNN chose. */
    private dnnl_memory packed(FloatBuffer weight, dnnl_memory_desc layout) {
        dnnl_memory_desc transposed = strided(product.inputs(), product.outputs(), 1, product.inputs());
        dnnl_memory from = memory(transposed, weight);
        int floats = Math.toIntExact((dnnl_memory_desc_get_size(layout) + Float.BYTES - 1) / Float.BYTES);
        dnnl_memory to = memory(layout, Operands.allocate(floats));
        dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
        check(dnnl_reorder_primitive_desc_create(
                descriptor, transposed, engine, layout, engine, new dnnl_primitive_attr()));
        dnnl_primitive reorder = new dnnl_primitive();
        check(dnnl_primitive_create(reorder, descriptor));
        try (dnnl_exec_arg_t fromTo = new dnnl_exec_arg_t(2)) {
            fromTo.position(0).arg(DNNL_ARG_FROM).memory(from);
            fromTo.position(1).arg(DNNL_ARG_TO).memory(to);
            check(dnnl_primitive_execute(reorder, stream, 2, fromTo.position(0)));
        }
        check(dnnl_stream_wait(stream));
        check(dnnl_primitive_destroy(reorder));
        check(dnnl_primitive_desc_destroy(descriptor));
        check(dnnl_memory_desc_destroy(transposed));
        return to;
    }

    private static dnnl_memory_desc strided(long rows, long columns, long rowStride, long columnStride) {
        dnnl_memory_desc descriptor = new dnnl_memory_desc();
        check(dnnl_memory_desc_create_with_strides(
                descriptor, 2, new long[] {rows, columns}, dnnl_f32, new long[] {rowStride, columnStride}));
        return descriptor;
    }

    private static dnnl_memory_desc any(long rows, long columns) {
        dnnl_memory_desc descriptor = new dnnl_memory_desc();
        check(dnnl_memory_desc_create_with_tag(
                descriptor, 2, new long[] {rows, columns}, dnnl_f32, dnnl_format_tag_any));
        return descriptor;
    }

    private dnnl_memory memory(dnnl_memory_desc descriptor, FloatBuffer floats) {
        dnnl_memory memory = new dnnl_memory();
        check(dnnl_memory_create(memory, descriptor, engine, new FloatPointer(floats)));
        buffers.add(floats);
        memories.add(memory);
        return memory;
    }

    private static void check(int status) {
        if (status != dnnl_success) {
            throw new IllegalStateException("Cannot run a bare matmul: oneDNN answers with status " + status);
        }
    }

    @Override
    public String name() {
        return Measurement.MATMUL;
    }

    @Override
    public void run() {
        check(dnnl_primitive_execute(matmul, stream, 3, arguments));
    }

    @Override
    public float[] result() {
        run();
        float[] result = new float[out.capacity()];
        out.get(0, result);
        return result;
    }

    @Override
    public void close() {
        memories.forEach(memory -> check(dnnl_memory_destroy(memory)));
        arguments.close();
        check(dnnl_primitive_destroy(matmul));
        check(dnnl_stream_destroy(stream));
        check(dnnl_engine_destroy(engine));
    }
}
