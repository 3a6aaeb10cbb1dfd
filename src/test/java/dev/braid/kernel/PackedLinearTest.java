package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How large a packed weight is. */
class PackedLinearTest {
    private static final int[] SIZES = {1, 3, 16, 17, 48, 49, 63, 64, 65, 81, 129, 207, 769};

    static Stream<KernelLibrary> libraries() {
        return Stream.of(KernelLibrary.oneDnn(), KernelLibrary.portable());
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void aPackedWeightTakesNoMoreThanItsBound(KernelLibrary library) {
        boolean padded = false;
        for (int inputs : SIZES) {
            for (int outputs : SIZES) {
                try (Matrix weight = Matrix.allocate(outputs, inputs);
                        Matrix bias = Matrix.allocate(1, outputs);
                        PackedLinear packed = library.pack(weight, bias)) {
                    long taken = (long) packed.weight().rows() * packed.weight().columns();
                    assertThat(taken)
                            .as("[%d, %d]", outputs, inputs)
                            .isBetween((long) inputs * outputs, PackedLinear.mostElements(inputs, outputs));
                    padded |= taken > (long) inputs * outputs;
                }
            }
        }
        assertThat(padded).isEqualTo(library instanceof OneDnnLibrary);
    }
}
