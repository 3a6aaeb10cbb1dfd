package dev.braid.model;

import dev.braid.kernel.Bfloat16;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Precision;

/** Models in bfloat16. The worst cosine of a golden model is 0.99991. */
class Bfloat16Test extends RoundedModelTest {
    Bfloat16Test() {
        super(Precision.BFLOAT16, 0.9999);
    }

    @Override
    KernelLibrary library() {
        return Bfloat16.library();
    }
}
