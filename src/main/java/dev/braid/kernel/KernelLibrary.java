package dev.braid.kernel;

import dev.braid.InputException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One form of the kernels: packs weights once per JVM and opens the kernels of each thread. Safe for all threads. */
public interface KernelLibrary {

    /**
     * oneDNN's form; the portable one, with one warning that says why, where oneDNN's native library cannot be loaded.
     *
     * @throws InputException on anything but x86-64 Linux with glibc
     */
    static KernelLibrary best() {
        Platform.check();
        return Best.LIBRARY;
    }

    /** The form that runs oneDNN primitives; throws {@link LinkageError} where its native library cannot be loaded. */
    static KernelLibrary oneDnn() {
        return new OneDnnLibrary(false);
    }

    /**
     * As {@link #oneDnn}, with the weights and inputs of linear maps rounded to bfloat16. Products of two such numbers are
     * exact in float32, in which they are added up; bias, activation, residual, LayerNorm and attention stay float32.
     *
     * @throws InputException where the processor does not multiply bfloat16 itself, where it would be slower than float32,
     *     and on anything but x86-64 Linux with glibc
     */
    static KernelLibrary oneDnnBfloat16() {
        Platform.check();
        String got;
        try {
            if (OneDnnLibrary.multipliesBfloat16()) {
                return new OneDnnLibrary(true);
            }
            got = "one of which oneDNN uses no more than " + OneDnnLibrary.instructions();
        } catch (LinkageError error) {
            got = "no oneDNN (" + error + ")";
        }
        throw new InputException(
                "Cannot compute in bf16: expected a processor with AVX512-BF16 or AMX (elsewhere fp32 is"
                        + " faster), got " + got + "; drop '--precision bf16'");
    }

    /** The form that needs nothing but ND4J. */
    static KernelLibrary portable() {
        return new PortableLibrary();
    }

    /** Name and version. */
    String name();

    /**
     * Brings a linear map into this library's layout.
     *
     * @param weight [N, K], as PyTorch stores it; not kept
     * @param bias [1, N]; not kept
     */
    PackedLinear pack(Matrix weight, Matrix bias);

    /** Kernels for one caller at a time, on whose thread they compute, to be closed by their owner. */
    Kernels open();

    /** Holds the choice of {@link #best}, made once per JVM. */
    final class Best {
        private static final Logger log = LoggerFactory.getLogger(KernelLibrary.class);
        private static final KernelLibrary LIBRARY = choose();

        private Best() {}

        private static KernelLibrary choose() {
            try {
                KernelLibrary library = oneDnn();
                log.info("Kernels: {}", library.name());
                return library;
            } catch (LinkageError error) {
                log.warn("oneDNN cannot be loaded, the slower portable kernels run instead: {}", error.toString());
                return portable();
            }
        }
    }
}
