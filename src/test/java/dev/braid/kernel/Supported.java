package dev.braid.kernel;

import dev.braid.InputException;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assumptions;

/** Kernels that some processors lack. */
final class Supported {
    private Supported() {}

    /** The kernels; where the processor lacks them, the calling test is skipped with the reason. */
    static KernelLibrary orSkip(Supplier<KernelLibrary> library) {
        try {
            return library.get();
        } catch (InputException refused) {
            return Assumptions.abort(refused.getMessage());
        }
    }
}
