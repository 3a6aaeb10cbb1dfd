package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnPrimitive.Argument;
import dev.braid.tensor.Activation;
import dev.braid.tensor.Precision;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every object of oneDNN is destroyed, on paths that fail too. */
class OneDnnObjectsTest {
    private long objects;
    private long bytes;

    @BeforeEach
    void count() {
        objects = OneDnn.open();
        bytes = Matrix.heldBytes();
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(OneDnn.open()).isEqualTo(objects);
        assertThat(Matrix.heldBytes()).isEqualTo(bytes);
    }

    /** Skips the calling test where the processor lacks it. */
    private static KernelLibrary library(Precision precision) {
        return switch (precision) {
            case FLOAT32 -> KernelLibrary.oneDnn();
            case BFLOAT16 -> Bfloat16.library();
            case INT8 -> Int8.library();
        };
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void kernelsThatRanAreClosed(Precision precision) {
        KernelLibrary library = library(precision);
        try (Matrix weight = Matrix.allocate(32, 32);
                Matrix vector = Matrix.allocate(1, 32);
                Matrix x = Matrix.allocate(16, 32);
                Matrix y = Matrix.allocate(16, 32);
                Kernels kernels = library.open();
                PackedLinear packed = library.pack(weight, vector)) {
            kernels.bindThread();
            kernels.linear(y, x, packed, Activation.GELU);
            kernels.linearAdd(y, x, packed);
            kernels.norm(y, y, new Norm(vector, vector, 1e-5f));
            kernels.add(y, x);
            AttentionRows rows = new AttentionRows(2, row -> 8 * row, row -> 8 * row);
            try (Matrix scratch = Matrix.allocate(1, (int) Kernels.attentionScratch(32, 2, 16))) {
                Matrix tokens = library.operand(x);
                kernels.attention(new Attention(library.operand(y), tokens, tokens, tokens, rows, 2, null), scratch);
            }
            assertThat(OneDnn.open()).isGreaterThan(objects + 10);
        }
    }

    @Test
    void aPrimitiveThatCannotBeDescribedLeavesNothing() {
        try (OneDnnStream oneDnn = new OneDnnStream();
                Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc left = descriptors.strided(new long[] {2, 3}, 3, 1);
            dnnl_memory_desc right = descriptors.strided(new long[] {4, 5}, 5, 1);
            dnnl_memory_desc out = descriptors.strided(new long[] {2, 5}, 5, 1);
            long before = OneDnn.open();
            assertThatThrownBy(() -> oneDnn.compile(
                            "matmul_primitive_desc_create",
                            (descriptor, engine, attributes) -> dnnl_matmul_primitive_desc_create(
                                    descriptor, engine, left, right, null, out, attributes),
                            new Argument(DNNL_ARG_DST, out)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("oneDNN's matmul_primitive_desc_create failed with status ");
            assertThat(OneDnn.open()).isEqualTo(before);
        }
    }

    /** The first argument has a memory object, the second cannot have one: its layout is not chosen yet. */
    @Test
    void aPrimitiveWhoseArgumentHasNoMemoryLeavesNothing() {
        try (OneDnnStream oneDnn = new OneDnnStream();
                Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc square = descriptors.strided(new long[] {2, 2}, 2, 1);
            dnnl_memory_desc undecided = descriptors.anyLayout(dnnl_f32, 2, 2);
            long before = OneDnn.open();
            assertThatThrownBy(() -> oneDnn.compile(
                            "matmul_primitive_desc_create",
                            (descriptor, engine, attributes) -> dnnl_matmul_primitive_desc_create(
                                    descriptor, engine, square, square, null, square, attributes),
                            new Argument(DNNL_ARG_DST, square),
                            new Argument(DNNL_ARG_SRC, undecided)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("oneDNN's memory_create failed with status ");
            assertThat(OneDnn.open()).isEqualTo(before);
        }
    }

    /** The bias is too long for its buffer, which is seen when the weight is packed. */
    @ParameterizedTest
    @EnumSource(Precision.class)
    void aMapThatCannotBePackedLeavesNothing(Precision precision) {
        KernelLibrary library = library(precision);
        try (Matrix weight = Matrix.allocate(32, 32);
                Matrix bias = Matrix.allocate(1, 33)) {
            assertThatThrownBy(() -> library.pack(weight, bias)).isInstanceOf(java.nio.BufferOverflowException.class);
        }
    }
}
