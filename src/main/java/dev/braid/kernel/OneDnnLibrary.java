package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;

/** oneDNN: weights in the layout that its matmul prefers on this processor. */
final class OneDnnLibrary implements KernelLibrary {
    static {
        NativeMemory.unguard();
    }

    OneDnnLibrary() {
        Loader.load(dnnl.class);
    }

    @Override
    public String name() {
        dnnl_version_t version = dnnl_version();
        return "oneDNN " + version.major() + "." + version.minor() + "." + version.patch();
    }

    @Override
    public PackedLinear pack(Matrix weight, Matrix bias) {
        try (OneDnnKernels kernels = new OneDnnKernels(1)) {
            kernels.bindThread();
            return kernels.pack(weight, bias);
        }
    }

    @Override
    public Kernels open(int threads) {
        return new OneDnnKernels(OpenMp.dependable(threads, System.getenv()));
    }

    /** A weight in oneDNN's layout, with the descriptor that says which, and a copy of the bias. */
    static final class Packed extends PackedLinear {
        private final dnnl_memory_desc layout;

        Packed(int inputs, int outputs, dnnl_memory_desc layout, Matrix weight, Matrix bias) {
            super(inputs, outputs, weight, bias);
            this.layout = layout;
        }

        dnnl_memory_desc layout() {
            return layout;
        }

        @Override
        public void close() {
            super.close();
            OneDnn.destroy(layout);
        }
    }
}
