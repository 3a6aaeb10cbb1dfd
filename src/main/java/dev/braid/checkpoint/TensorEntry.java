package dev.braid.checkpoint;

import dev.braid.tensor.Shape;

/**
 * A tensor as the header of a safetensors file lists it.
 *
 * @param begin first byte, counted from the end of the header
 * @param end one more than the last byte
 */
public record TensorEntry(String name, DType dtype, Shape shape, long begin, long end) {

    /** The number of stored bytes. */
    public long bytes() {
        return end - begin;
    }

    /** As an error message shows it: {@code F32 [3, 4]}. */
    String describe() {
        return dtype + " " + Quote.cut(shape.toString());
    }
}
