package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.util.stream.IntStream;

/**
 * What a model requires of one tensor.
 *
 * @param role what the model uses it for, in plain words
 * @param fit how a stored shape must agree with {@code shape}
 * @param source where the shape comes from, as messages say it
 * @param required false for a tensor that may be absent
 * @param nextStep the end of the error message if it is missing, beginning with a semicolon, or empty
 */
record ExpectedTensor(
        String name, String role, Shape shape, Fit fit, String source, boolean required, String nextStep) {

    /** How a stored shape must agree with the expected one. */
    enum Fit {
        /** All dimensions are equal. */
        EXACT,
        /** All dimensions are equal, except that the first one may be larger. */
        ROWS,
        /** The number of elements is equal and, if several dimensions are expected, the last dimension too. */
        ELEMENTS,
        /** The tensor must not be stored. */
        ABSENT
    }

    /** Whether every size in the shape is known. */
    boolean sized() {
        return IntStream.range(0, shape.rank()).noneMatch(axis -> shape.dimension(axis) == StoredStack.UNKNOWN);
    }

    boolean fits(Shape stored) {
        return switch (fit) {
            case EXACT -> stored.equals(shape);
            case ROWS ->
                stored.rank() == 2
                        && stored.dimension(0) >= shape.dimension(0)
                        && stored.dimension(0) < Integer.MAX_VALUE
                        && stored.dimension(1) == shape.dimension(1);
            case ELEMENTS ->
                stored.elements() == shape.elements()
                        && (shape.rank() == 1
                                || (stored.rank() > 0
                                        && stored.dimension(stored.rank() - 1) == shape.dimension(shape.rank() - 1)));
            case ABSENT -> false;
        };
    }

    /** As an error message says it: {@code expected [768, 512] (hidden_size in config.json)}. */
    String describe() {
        String described = switch (fit) {
            case EXACT -> shape.toString();
            case ROWS -> "[" + shape.dimension(0) + " or more, " + shape.dimension(1) + "]";
            case ELEMENTS ->
                shape.rank() == 1
                        ? shape.elements() + " elements"
                        : shape + " or [1, " + shape.dimension(0) + ", " + shape.dimension(1) + "]";
            case ABSENT -> "no such tensor";
        };
        return "expected " + described + " (" + source + ")";
    }
}
