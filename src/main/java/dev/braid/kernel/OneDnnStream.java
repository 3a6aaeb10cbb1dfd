package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.created;
import static dev.braid.kernel.OneDnn.destroyed;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/**
 * The oneDNN engine and stream of one thread, scratch memory that grows to the primitives' needs, and all primitives
 * except those of attention, each compiled when its size first occurs.
 */
final class OneDnnStream implements AutoCloseable {
    private final dnnl_engine engine = new dnnl_engine();
    private final dnnl_stream stream = new dnnl_stream();
    private final Map<Record, OneDnnPrimitive> primitives = new HashMap<>();
    private Matrix scratch = Matrix.allocate(1, 1024);

    OneDnnStream() {
        created(dnnl_engine_create(engine, dnnl_cpu, 0), "engine_create");
        created(dnnl_stream_create(stream, engine, dnnl_stream_default_flags), "stream_create");
    }

    dnnl_engine engine() {
        return engine;
    }

    /** The primitive for this size, compiled if there is none yet. */
    OneDnnPrimitive primitive(Record size, Supplier<OneDnnPrimitive> compiler) {
        OneDnnPrimitive primitive = primitives.get(size);
        if (primitive == null) {
            primitive = compiler.get();
            primitives.put(size, primitive);
        }
        return primitive;
    }

    /** One of oneDNN's functions {@code dnnl_..._primitive_desc_create}. */
    @FunctionalInterface
    interface Description {
        int create(dnnl_primitive_desc descriptor, dnnl_engine engine, dnnl_primitive_attr attributes);
    }

    /**
     * Compiles the primitive that a call describes. The caller closes it.
     *
     * @param call the name of the call, for errors
     */
    OneDnnPrimitive compile(String call, Description description, Argument... arguments) {
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_primitive_desc descriptor = new dnnl_primitive_desc();
            descriptors.own(descriptor, description.create(descriptor, engine, descriptors.attributes()), call);
            scratch = grown(scratch, OneDnnPrimitive.scratchBytes(descriptor));
            return new OneDnnPrimitive(engine, descriptor, arguments);
        }
    }

    /** The buffer, or if it is too small, a larger one that replaces it. */
    static Matrix grown(Matrix buffer, long bytes) {
        int needed = OneDnn.floats(bytes);
        if (needed <= buffer.columns()) {
            return buffer;
        }
        Matrix larger = Matrix.allocate(1, needed);
        buffer.close();
        return larger;
    }

    /** A primitive that copies a tensor to one of the same shape, of another type or layout. The caller closes it. */
    OneDnnPrimitive compileReorder(dnnl_memory_desc source, dnnl_memory_desc target) {
        return compile(
                "reorder_primitive_desc_create",
                (descriptor, engine, attributes) ->
                        dnnl_reorder_primitive_desc_create(descriptor, source, engine, target, engine, attributes),
                new Argument(DNNL_ARG_DST, target),
                new Argument(DNNL_ARG_SRC, source));
    }

    void run(OneDnnPrimitive primitive, Matrix... operands) {
        Pointer[] addresses = new Pointer[operands.length];
        for (int i = 0; i < operands.length; i++) {
            addresses[i] = operands[i].pointer();
        }
        run(primitive, addresses);
    }

    /** @param operands addresses of the arguments */
    void run(OneDnnPrimitive primitive, Pointer... operands) {
        Pointer[] addresses = Arrays.copyOf(operands, operands.length + 1);
        addresses[operands.length] = scratch.pointer();
        primitive.run(stream, addresses);
    }

    @Override
    public void close() {
        primitives.values().forEach(OneDnnPrimitive::close);
        scratch.close();
        destroyed(dnnl_stream_destroy(stream), "stream_destroy");
        destroyed(dnnl_engine_destroy(engine), "engine_destroy");
    }
}
