package dev.braid.bench.report;

import java.util.List;

/**
 * How long one contender took for one piece of work, again and again. What the contenders of one part, shape and text took
 * at the same index, they took in the same round, one right after the other.
 *
 * @param part what was compared, one of {@link Part}'s names
 * @param shape the model, such as {@code (ii)}, or the size of a matrix product
 * @param text how long the texts are: {@code dense}, {@code ragged}, or their mean length over the longest
 * @param form how the rows come to the contender: the order in which they are padded, or the columns of the table
 * @param contender who did it
 * @param variant what it chose for itself
 * @param rows rows of the work, 0 where it has none
 * @param tokens their real tokens, 0 where it has none
 * @param flops floating-point operations in the matrix products of real tokens, 0 where nobody counts them
 * @param seconds one entry per round
 */
public record Measurement(
        String part,
        String shape,
        String text,
        String form,
        String contender,
        String variant,
        long rows,
        long tokens,
        long flops,
        List<Double> seconds) {

    /** Braid in float32 on oneDNN. */
    public static final String BRAID = "Braid";
    /** Braid on its portable kernels. */
    public static final String BRAID_ON_ND4J = "Braid on ND4J";
    /** libtorch inside the JVM. */
    public static final String LIBTORCH = "libtorch";
    /** ONNX Runtime inside the JVM. */
    public static final String ONNX_RUNTIME = "ONNX Runtime";
    /** The matrix products of an encoder alone, on oneDNN: the rate that no encoder on it passes. */
    public static final String MATMUL = "oneDNN matmul";

    /** All texts of one length. */
    public static final String DENSE = "dense";
    /** Texts of all lengths. */
    public static final String RAGGED = "ragged";

    /** Rows without padding. */
    public static final String PACKED = "packed";
    /** Rows padded in batches as they arrive. */
    public static final String ARRIVAL = "in arrival order";
    /** Rows sorted by length before they are cut into batches. */
    public static final String SORTED = "sorted by length";

    /** Work of one task slot. */
    public static final String ONE_SLOT = "one slot";
    /** Twice that work, in two task slots at once. */
    public static final String TWO_SLOTS = "two slots";

    /** Rows per second, round by round. */
    public List<Double> rowRates() {
        return rates(rows);
    }

    /** Floating-point operations per second, round by round. */
    public List<Double> flopRates() {
        return rates(flops);
    }

    private List<Double> rates(long work) {
        return seconds.stream().map(taken -> work / taken).toList();
    }
}
