package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.tensor.Precision;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;

/** The kernels on oneDNN. Packed weights have the layout that its matmul prefers on this processor. */
final class OneDnnLibrary implements KernelLibrary {
    static {
        NativeMemory.liftLimit();
        NativeCache.choose();
        OpenMp.warnIfBound(System.getenv());
    }

    private final Precision precision;

    OneDnnLibrary(Precision precision) {
        Loader.load(dnnl.class);
        this.precision = precision;
    }

    /**
     * Whether this processor has bfloat16 products for oneDNN: AVX512-BF16, which AMX and AVX10 include. oneDNN's
     * instruction sets are bit masks. AVX2_VNNI_2 does not count: its bfloat16 instructions only convert.
     */
    static boolean multipliesBfloat16() {
        return has(dnnl_cpu_isa_avx512_core_bf16);
    }

    /**
     * Whether this processor has AVX512-VNNI, with which oneDNN's products of 8-bit integers are fast. Without any
     * VNNI, oneDNN adds pairs of products in 16 bits, which is too narrow for the largest pairs.
     */
    static boolean multipliesInt8() {
        return has(dnnl_cpu_isa_avx512_core_vnni);
    }

    private static boolean has(int instructions) {
        Loader.load(dnnl.class);
        // On other processors, these bits mean other instructions.
        return Platform.isX86() && (dnnl_get_effective_cpu_isa() & instructions) == instructions;
    }

    /** The name of the largest instruction set below AVX512-BF16 that oneDNN uses on this processor. */
    static String instructions() {
        if (!Platform.isX86()) {
            return "what '" + System.getProperty("os.arch") + "' has";
        }
        int isa = dnnl_get_effective_cpu_isa();
        if (isa == dnnl_cpu_isa_avx512_core_vnni) {
            return "AVX512_CORE_VNNI";
        }
        if (isa == dnnl_cpu_isa_avx512_core) {
            return "AVX512_CORE";
        }
        if (isa == dnnl_cpu_isa_avx2_vnni_2) {
            return "AVX2_VNNI_2";
        }
        if (isa == dnnl_cpu_isa_avx2_vnni) {
            return "AVX2_VNNI";
        }
        if (isa == dnnl_cpu_isa_avx2) {
            return "AVX2";
        }
        return "0x" + Integer.toHexString(isa);
    }

    @Override
    public String name() {
        dnnl_version_t version = dnnl_version();
        return "oneDNN " + version.major() + "." + version.minor() + "." + version.patch()
                + switch (precision) {
                    case FLOAT32 -> "";
                    case BFLOAT16 -> " in bfloat16";
                    case INT8 -> " in int8";
                };
    }

    @Override
    public PackedLinear pack(Matrix weight, Matrix bias) {
        try (OneDnnKernels kernels = new OneDnnKernels(precision)) {
            kernels.bindThread();
            return kernels.pack(weight, bias);
        }
    }

    @Override
    public Matrix operand(Matrix matrix) {
        return precision == Precision.BFLOAT16 ? matrix.asBfloat16() : matrix;
    }

    @Override
    public Kernels open() {
        return new OneDnnKernels(precision);
    }

    /** A weight in oneDNN's layout, the descriptor of this layout, a copy of the bias and, for int8, the scales. */
    static final class Packed extends PackedLinear {
        private final dnnl_memory_desc layout;
        /** The scale of each output, [1, N], if the weight is int8; otherwise null. */
        private final Matrix scales;

        Packed(int inputs, int outputs, dnnl_memory_desc layout, Matrix weight, Matrix bias, Matrix scales) {
            super(inputs, outputs, weight, bias);
            this.layout = layout;
            this.scales = scales;
        }

        Matrix scales() {
            return scales;
        }

        dnnl_memory_desc layout() {
            return layout;
        }

        @Override
        public void close() {
            super.close();
            if (scales != null) {
                scales.close();
            }
            OneDnn.destroy(layout);
        }
    }
}
