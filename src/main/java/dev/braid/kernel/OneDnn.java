package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_attr;

/** oneDNN's C interface with its statuses checked: descriptors of tensors and attributes. */
final class OneDnn {
    private OneDnn() {}

    static void check(int status, String call) {
        if (status != dnnl_success) {
            throw new IllegalStateException("oneDNN's " + call + " failed with status " + status);
        }
    }

    /** A float tensor of these dimensions, with strides in floats. */
    static dnnl_memory_desc strided(long[] dimensions, long... strides) {
        return strided(dnnl_f32, dimensions, strides);
    }

    /** A tensor of these dimensions of one of oneDNN's types, with strides in elements. */
    static dnnl_memory_desc strided(int type, long[] dimensions, long... strides) {
        dnnl_memory_desc descriptor = new dnnl_memory_desc();
        check(
                dnnl_memory_desc_create_with_strides(descriptor, dimensions.length, dimensions, type, strides),
                "memory_desc_create_with_strides");
        return descriptor;
    }

    static dnnl_memory_desc strided(Matrix matrix) {
        return strided(new long[] {matrix.rows(), matrix.columns()}, matrix.stride(), 1);
    }

    /** A matrix of one of oneDNN's types whose layout the primitive that takes it may choose. */
    static dnnl_memory_desc anyLayout(int type, long rows, long columns) {
        dnnl_memory_desc descriptor = new dnnl_memory_desc();
        check(
                dnnl_memory_desc_create_with_tag(descriptor, 2, new long[] {rows, columns}, type, dnnl_format_tag_any),
                "memory_desc_create_with_tag");
        return descriptor;
    }

    /** Attributes of every primitive here: repeatable results, and scratch memory that the caller brings. */
    static dnnl_primitive_attr attributes() {
        dnnl_primitive_attr attributes = new dnnl_primitive_attr();
        check(dnnl_primitive_attr_create(attributes), "primitive_attr_create");
        check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "set_scratchpad_mode");
        check(dnnl_primitive_attr_set_deterministic(attributes, 1), "set_deterministic");
        return attributes;
    }

    /** How many floats hold so many bytes. */
    static int floats(long bytes) {
        return Math.toIntExact((bytes + Float.BYTES - 1) / Float.BYTES);
    }

    static void destroy(dnnl_memory_desc... descriptors) {
        for (dnnl_memory_desc descriptor : descriptors) {
            check(dnnl_memory_desc_destroy(descriptor), "memory_desc_destroy");
        }
    }
}
