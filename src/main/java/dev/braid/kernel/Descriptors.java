package dev.braid.kernel;

import static dev.braid.kernel.OneDnn.check;
import static dev.braid.kernel.OneDnn.created;
import static dev.braid.kernel.OneDnn.destroyed;
import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * The descriptors that oneDNN needs to compile a primitive. Closing this destroys all of them, whether compiling
 * succeeded or not.
 */
final class Descriptors implements AutoCloseable {
    private final List<Runnable> destroyers = new ArrayList<>();

    /** A float tensor of these dimensions, with strides in floats. */
    dnnl_memory_desc strided(long[] dimensions, long... strides) {
        return owned(OneDnn.strided(dimensions, strides));
    }

    /** A tensor of these dimensions of one of oneDNN's types, with strides in elements. */
    dnnl_memory_desc strided(int type, long[] dimensions, long... strides) {
        return owned(OneDnn.strided(type, dimensions, strides));
    }

    dnnl_memory_desc strided(Matrix matrix) {
        return owned(OneDnn.strided(matrix));
    }

    /** A tensor of one of oneDNN's types. The primitive that uses it chooses the layout. */
    dnnl_memory_desc anyLayout(int type, long... dimensions) {
        dnnl_memory_desc descriptor = new dnnl_memory_desc();
        created(
                dnnl_memory_desc_create_with_tag(descriptor, dimensions.length, dimensions, type, dnnl_format_tag_any),
                "memory_desc_create_with_tag");
        return owned(descriptor);
    }

    private dnnl_memory_desc owned(dnnl_memory_desc descriptor) {
        destroyers.add(() -> OneDnn.destroy(descriptor));
        return descriptor;
    }

    /** The attributes of all primitives: deterministic results, and scratch memory that the caller provides. */
    dnnl_primitive_attr attributes() {
        dnnl_primitive_attr attributes = new dnnl_primitive_attr();
        created(dnnl_primitive_attr_create(attributes), "primitive_attr_create");
        destroyers.add(() -> destroyed(dnnl_primitive_attr_destroy(attributes), "primitive_attr_destroy"));
        check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "set_scratchpad_mode");
        check(dnnl_primitive_attr_set_deterministic(attributes, 1), "set_deterministic");
        return attributes;
    }

    /** New post-operations, initially empty. */
    dnnl_post_ops postOps() {
        dnnl_post_ops postOps = new dnnl_post_ops();
        created(dnnl_post_ops_create(postOps), "post_ops_create");
        destroyers.add(() -> destroyed(dnnl_post_ops_destroy(postOps), "post_ops_destroy"));
        return postOps;
    }

    /**
     * Takes ownership of a primitive's descriptor that {@code call} has filled.
     *
     * @param status what the call returned; checked first
     */
    void own(dnnl_primitive_desc descriptor, int status, String call) {
        created(status, call);
        destroyers.add(() -> destroyed(dnnl_primitive_desc_destroy(descriptor), "primitive_desc_destroy"));
    }

    @Override
    public void close() {
        destroyers.forEach(Runnable::run);
    }
}
