package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.dnnl.dnnl_memory_desc;

/** oneDNN's C interface: checks statuses, counts objects and creates tensor descriptors. */
final class OneDnn {
    private static final AtomicLong OPEN = new AtomicLong();

    private OneDnn() {}

    /** The number of oneDNN objects that this JVM has created and not destroyed. */
    static long open() {
        return OPEN.get();
    }

    /** Checks the status of a call that creates an object. */
    static void created(int status, String call) {
        check(status, call);
        OPEN.incrementAndGet();
    }

    /** Checks the status of a call that destroys an object. */
    static void destroyed(int status, String call) {
        check(status, call);
        OPEN.decrementAndGet();
    }

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
        created(
                dnnl_memory_desc_create_with_strides(descriptor, dimensions.length, dimensions, type, strides),
                "memory_desc_create_with_strides");
        return descriptor;
    }

    static dnnl_memory_desc strided(Matrix matrix) {
        return strided(type(matrix.isBfloat16()), new long[] {matrix.rows(), matrix.columns()}, matrix.stride(), 1);
    }

    /** oneDNN's number for a type. */
    static int type(boolean bfloat16) {
        return bfloat16 ? dnnl_bf16 : dnnl_f32;
    }

    /** The number of floats that hold this many bytes. */
    static int floats(long bytes) {
        return Math.toIntExact((bytes + Float.BYTES - 1) / Float.BYTES);
    }

    static void destroy(dnnl_memory_desc... descriptors) {
        for (dnnl_memory_desc descriptor : descriptors) {
            destroyed(dnnl_memory_desc_destroy(descriptor), "memory_desc_destroy");
        }
    }
}
