package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.created;
import static dev.braid.kernel.OneDnn.destroyed;
import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/**
 * A compiled oneDNN primitive of one thread, with memory objects for its arguments. Each run binds them to addresses.
 */
final class OneDnnPrimitive implements AutoCloseable {

    /** One argument: oneDNN's {@code DNNL_ARG_} number and the tensor's descriptor. */
    record Argument(int number, dnnl_memory_desc descriptor) {}

    private final dnnl_primitive primitive;
    private final List<dnnl_memory> memories = new ArrayList<>();
    private final dnnl_exec_arg_t arguments;

    /**
     * Compiles the primitive that {@code descriptor} describes. The caller keeps the descriptor. The last memory object
     * is the scratch memory.
     */
    OneDnnPrimitive(dnnl_engine engine, dnnl_primitive_desc descriptor, Argument... arguments) {
        this.primitive = new dnnl_primitive();
        this.arguments = new dnnl_exec_arg_t(arguments.length + 1L);
        created(dnnl_primitive_create(primitive, descriptor), "primitive_create");
        try {
            append(engine, arguments);
            append(engine, new Argument(DNNL_ARG_SCRATCHPAD, scratch(descriptor)));
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    /** The bytes of scratch memory that the primitive needs. */
    static long scratchBytes(dnnl_primitive_desc descriptor) {
        return dnnl_memory_desc_get_size(scratch(descriptor));
    }

    private static dnnl_memory_desc scratch(dnnl_primitive_desc descriptor) {
        return dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0);
    }

    private void append(dnnl_engine engine, Argument... appended) {
        for (Argument argument : appended) {
            append(engine, argument);
        }
    }

    private void append(dnnl_engine engine, Argument argument) {
        dnnl_memory memory = new dnnl_memory();
        created(dnnl_memory_create(memory, argument.descriptor(), engine, null), "memory_create");
        arguments.position(memories.size()).arg(argument.number()).memory(memory);
        arguments.position(0);
        memories.add(memory);
    }

    /**
     * Runs with these addresses: the arguments in order, then scratch memory, which is required even if the primitive
     * needs none.
     */
    void run(dnnl_stream stream, Pointer... addresses) {
        for (int i = 0; i < memories.size(); i++) {
            check(dnnl_memory_set_data_handle(memories.get(i), addresses[i]), "memory_set_data_handle");
        }
        check(dnnl_primitive_execute(primitive, stream, memories.size(), arguments), "primitive_execute");
    }

    @Override
    public void close() {
        memories.forEach(memory -> destroyed(dnnl_memory_destroy(memory), "memory_destroy"));
        arguments.close();
        destroyed(dnnl_primitive_destroy(primitive), "primitive_destroy");
    }
}
