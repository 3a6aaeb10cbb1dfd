package dev.braid.tensor;

import java.io.Serializable;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The dimensions of a dense row-major tensor, outermost first. A scalar has rank 0 and one element; a dimension may be
 * 0.
 */
public final class Shape implements Serializable {
    private static final long serialVersionUID = 1L;

    private final long[] dimensions;

    private Shape(long[] dimensions) {
        this.dimensions = dimensions;
    }

    /**
     * The shape with these dimensions, outermost first.
     *
     * @throws IllegalArgumentException if a dimension is negative
     */
    public static Shape of(long... dimensions) {
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw new IllegalArgumentException("a dimension is negative: " + Arrays.toString(dimensions));
            }
        }
        return new Shape(dimensions.clone());
    }

    public int rank() {
        return dimensions.length;
    }

    public long dimension(int axis) {
        return dimensions[axis];
    }

    /**
     * The product of all dimensions.
     *
     * @throws ArithmeticException if the product of the nonzero dimensions exceeds 2^63 - 1, even if another dimension
     *     is 0
     */
    public long elements() {
        long product = 1;
        boolean empty = false;
        for (long dimension : dimensions) {
            empty |= dimension == 0;
            product = Math.multiplyExact(product, Math.max(1, dimension));
        }
        return empty ? 0 : product;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(dimensions, shape.dimensions);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dimensions);
    }

    /** As PyTorch prints it: {@code [768, 512]}. */
    @Override
    public String toString() {
        return Arrays.stream(dimensions).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
