package dev.braid.kernel;

import dev.braid.InputException;
import dev.braid.tensor.Precision;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One implementation of the kernels: packs the weights once per JVM and opens kernels for each thread. Thread-safe. */
public interface KernelLibrary {

    /**
     * The best kernels of a precision that this machine can load. For float32 that is oneDNN or, if its native library
     * cannot be loaded, the portable kernels, with one warning that gives the reason.
     *
     * <p>For bfloat16 it is oneDNN with the weights and inputs of linear maps rounded to bfloat16, and with attention of
     * bfloat16 queries, keys, values and softmax. Sums are float32, in which the product of two bfloat16 numbers is
     * exact. Bias, activation, residual, LayerNorm and the softmax before it is rounded are float32.
     *
     * <p>For int8 it is oneDNN with the weights and inputs of linear maps rounded to 8-bit integers, with one scale for
     * each output of the weight and each row of the input. The integer sums are exact. Everything else, including
     * attention, is float32.
     *
     * @throws InputException if the processor lacks the instructions for bfloat16 or int8 (without them, both are
     *     slower than float32, and int8 may be wrong), or if this is not Linux with glibc on the kind of processor for
     *     which the jar was built
     */
    static KernelLibrary best(Precision precision) {
        Platform.check();
        return switch (precision) {
            case FLOAT32 -> Best.LIBRARY;
            case BFLOAT16 ->
                oneDnn(precision, OneDnnLibrary::multipliesBfloat16, "AVX512-BF16 or AMX (elsewhere fp32 is faster)");
            case INT8 ->
                oneDnn(
                        precision,
                        OneDnnLibrary::multipliesInt8,
                        "AVX512-VNNI (elsewhere fp32 is faster or int8 is wrong)");
        };
    }

    /** oneDNN in float32; throws {@link LinkageError} if its native library cannot be loaded. */
    static KernelLibrary oneDnn() {
        return new OneDnnLibrary(Precision.FLOAT32);
    }

    private static KernelLibrary oneDnn(Precision precision, BooleanSupplier isSupported, String expected) {
        String got;
        try {
            if (isSupported.getAsBoolean()) {
                return new OneDnnLibrary(precision);
            }
            got = "one on which oneDNN uses at most " + OneDnnLibrary.instructions();
        } catch (LinkageError error) {
            got = "no oneDNN (" + error + ")";
        }
        String name = precision.configName();
        throw new InputException("Cannot compute in " + name + ": expected a processor with " + expected + ", got "
                + got + "; drop '--precision " + name + "'");
    }

    /** The portable kernels, which need only ND4J and the BLAS that it brings. */
    static KernelLibrary portable() {
        return new PortableLibrary();
    }

    /** The name and version of the implementation. */
    String name();

    /**
     * Converts a linear map to this library's layout.
     *
     * @param weight [N, K], as PyTorch stores it; copied
     * @param bias [1, N]; copied
     */
    PackedLinear pack(Matrix weight, Matrix bias);

    /**
     * A view of a matrix for use as input and output of linear maps and attention. It shares the memory, but its
     * numbers may be bfloat16; {@link Kernels} says which operations accept it. Numbers written through the view are
     * meaningless when read through the given matrix, and the other way round.
     */
    default Matrix operand(Matrix matrix) {
        return matrix;
    }

    /** Kernels for one caller at a time. They compute on the caller's thread; the owner closes them. */
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
