package dev.braid.model;

import dev.braid.kernel.Int8;
import dev.braid.kernel.KernelLibrary;
import dev.braid.tensor.Precision;

/** Models whose linear maps multiply 8-bit integers. The worst cosine of a golden model is 0.9994. */
class Int8Test extends RoundedModelTest {
    Int8Test() {
        super(Precision.INT8, 0.999);
    }

    @Override
    KernelLibrary library() {
        return Int8.library();
    }
}
