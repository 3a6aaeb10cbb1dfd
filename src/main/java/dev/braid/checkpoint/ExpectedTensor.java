package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.util.stream.IntStream;

/**
 * What one tensor of a model has to be.
 *
 * @param role what it is to the model, in plain words
 * @param fit how {@code shape} is meant
 * @param source where the shape comes from
 * @param required false for a tensor that may be absent
 * @param nextStep what an error message suggests where it is missing, behind its semicolon, or empty
 */
record ExpectedTensor(
        String name, String role, Shape shape, Fit fit, String source, boolean required, String nextStep) {

    /** How a stored shape fits the expected one. */
    enum Fit {
        /** It is the same. */
        EXACT,
        /** It is the same but for its first dimension, which may be larger. */
        ROWS,
        /** It has as many elements and, where several dimensions are expected, the same last one. */
        ELEMENTS,
        /** There is none. */
        ABSENT
    }

    /** Whether every size in the shape is known. */
    boolean sized() {
        return IntStream.range(0, shape.rank()).noneMatch(axis -> shape.dimension(axis) == StoredEncoder.UNKNOWN);
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
