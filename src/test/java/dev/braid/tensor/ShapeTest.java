package dev.braid.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {

    @Test
    void elementsAreTheProductOfTheDimensions() {
        assertThat(Shape.of(3, 4, 5).elements()).isEqualTo(60);
        assertThat(Shape.of().elements()).isEqualTo(1);
        assertThat(Shape.of(7, 0, 5).elements()).isZero();
    }

    @Test
    void elementsBeyondALongAreRefusedAlsoBesideAZero() {
        assertThatThrownBy(() -> Shape.of(1L << 40, 1L << 40).elements()).isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> Shape.of(0, 1L << 40, 1L << 40).elements()).isInstanceOf(ArithmeticException.class);
    }

    @Test
    void negativeDimensionsAreRefused() {
        assertThatThrownBy(() -> Shape.of(3, -1)).hasMessage("a dimension is negative: [3, -1]");
    }

    @Test
    void theCallersArrayDoesNotReachIn() {
        long[] dimensions = {2, 3};
        Shape shape = Shape.of(dimensions);
        dimensions[0] = 9;
        assertThat(shape).isEqualTo(Shape.of(2, 3)).hasSameHashCodeAs(Shape.of(2, 3));
    }
}
