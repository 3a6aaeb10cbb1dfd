package dev.braid.kernel;

import dev.braid.InputException;
import dev.braid.tensor.Precision;
import org.junit.jupiter.api.Assumptions;

/** Kernels that some processors lack. */
final class Supported {
    private Supported() {}

    /** The kernels; where the processor lacks them, the calling test is skipped with the reason. */
    static KernelLibrary orSkip(Precision precision) {
        try {
            return KernelLibrary.best(precision);
        } catch (InputException refused) {
            return Assumptions.abort(refused.getMessage());
        }
    }
}
