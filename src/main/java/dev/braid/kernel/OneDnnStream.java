package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/**
 * What the oneDNN primitives of one thread run on: an engine, a stream, scratch memory that grows to what the primitives need,
 * and the primitives themselves, compiled when their sizes first occur.
 */
final class OneDnnStream implements AutoCloseable {
    private final dnnl_engine engine = new dnnl_engine();
    private final dnnl_stream stream = new dnnl_stream();
    private final Map<Record, OneDnnPrimitive> primitives = new HashMap<>();
    private Matrix scratch = Matrix.allocate(1, 1024);

    OneDnnStream() {
        check(dnnl_engine_create(engine, dnnl_cpu, 0), "engine_create");
        check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags), "stream_create");
    }

    dnnl_engine engine() {
        return engine;
    }

    /** The primitive of those sizes, compiled where there is none yet. */
    OneDnnPrimitive primitive(Record size, Supplier<OneDnnPrimitive> compiler) {
        OneDnnPrimitive primitive = primitives.get(size);
        if (primitive == null) {
            primitive = compiler.get();
            primitives.put(size, primitive);
        }
        return primitive;
    }

    /** Compiles, for its caller to close, and takes over both descriptors. */
    OneDnnPrimitive compile(dnnl_primitive_desc descriptor, dnnl_primitive_attr attributes, Argument... arguments) {
        OneDnnPrimitive primitive = new OneDnnPrimitive(engine, descriptor, arguments);
        check(dnnl_primitive_attr_destroy(attributes), "primitive_attr_destroy");
        int elements = Math.toIntExact((primitive.scratchBytes() + Float.BYTES - 1) / Float.BYTES);
        if (elements > scratch.columns()) {
            scratch.close();
            scratch = Matrix.allocate(1, elements);
        }
        return primitive;
    }

    void run(OneDnnPrimitive primitive, Matrix... operands) {
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
        scratch.close();
        check(dnnl_stream_destroy(stream), "stream_destroy");
        check(dnnl_engine_destroy(engine), "engine_destroy");
    }
}
