package dev.braid.model;

import java.util.List;
import java.util.Optional;

/**
 * The outcome of replaying a golden file.
 *
 * @param rows the number of rows
 * @param tokens the number of tokens in all rows
 * @param largest the largest deviation
 * @param layers the largest deviation after each layer that the file holds, in order
 * @param smallest the smallest cosine of all pooled vectors, or of all fused tokens if the model does not pool as the
 *     file does
 */
public record GoldenResult(int rows, long tokens, Deviation largest, List<Deviation> layers, Cosine smallest) {

    public GoldenResult {
        layers = List.copyOf(layers);
    }

    /** Whether every {@link Deviation#error} is at most {@code tolerance}. */
    public boolean within(double tolerance) {
        return largest.error() <= tolerance;
    }

    /** Whether every cosine with PyTorch's vectors is {@code least} or more. */
    public boolean aligned(double least) {
        return smallest.value() >= least;
    }

    /** The first layer whose error is larger than {@code tolerance}. */
    public Optional<Deviation> firstBeyond(double tolerance) {
        return layers.stream().filter(layer -> layer.error() > tolerance).findFirst();
    }
}
