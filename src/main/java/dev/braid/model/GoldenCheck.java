package dev.braid.model;

import dev.braid.InputException;
import dev.braid.checkpoint.Golden;
import dev.braid.tensor.Precision;
import java.io.Serializable;
import java.util.Locale;

/**
 * Checks that this machine reproduces PyTorch's numbers in a golden file. Every vector must have PyTorch's direction.
 * In float32 every number must also be within a tolerance, which lower precisions could not meet.
 *
 * @param golden the model's golden file
 * @param tolerance in float32, the largest {@link Deviation#error} allowed
 * @param precision the precision of the model to check
 */
public record GoldenCheck(Golden golden, double tolerance, Precision precision) implements Serializable {
    private static final String COMPARE =
            "compare num_attention_heads, norm_first, hidden_act and layer_norm_eps, or the steps, in config.json with the"
                    + " trained model, or export it again";

    /** The largest error that rounding to float32 alone causes, in PyTorch too. */
    private static final double FLOAT32_ROUNDING = 1e-5;

    /** A check of a float32 model. */
    public GoldenCheck(Golden golden, double tolerance) {
        this(golden, tolerance, Precision.FLOAT32);
    }

    /**
     * The smallest cosine with PyTorch's vectors that is allowed. In float32, a tolerance below 0.04 implies this
     * cosine, so it matters only if a larger tolerance is given.
     */
    public double leastCosine() {
        return precision == Precision.INT8 ? 0.99 : 0.999;
    }

    /** Runs the golden rows through {@code model} on this machine's kernels. Does not check the result. */
    public GoldenResult replay(FusionModel model) {
        return GoldenReplay.run(model, golden);
    }

    /**
     * Checks a result.
     *
     * @throws InputException if it is too far off. The message gives the largest error, its row and the first layer
     *     that differs (float32 only), or the smallest cosine and its row
     */
    public void check(GoldenResult result) {
        if (precision == Precision.FLOAT32 && !result.within(tolerance)) {
            throw new InputException(tooFar(result));
        }
        if (!result.aligned(leastCosine())) {
            throw new InputException(tooAskew(result));
        }
    }

    /**
     * Replays and checks.
     *
     * @throws InputException for the reasons of {@link #check}
     */
    public GoldenResult verify(FusionModel model) {
        GoldenResult result = replay(model);
        check(result);
        return result;
    }

    private String tooFar(GoldenResult result) {
        String layer = result.firstBeyond(tolerance)
                .map(first -> "; the first layer that differs is " + first.tensor())
                .orElse(result.layers().isEmpty() ? "" : "; every layer that the file holds agrees");
        double error = result.largest().error();
        String nextStep = error <= FLOAT32_ROUNDING ? "float32 itself is not more exact: raise the tolerance" : COMPARE;
        return String.format(
                Locale.ROOT,
                "Cannot reproduce %s: expected every number within %.0e of PyTorch's (--tolerance, relative to the root mean"
                        + " square of its vector), got an error of %.1e (%s)%s; %s",
                Golden.FILE,
                tolerance,
                error,
                result.largest(),
                layer,
                nextStep);
    }

    private String tooAskew(GoldenResult result) {
        return String.format(
                Locale.ROOT,
                "Cannot reproduce %s in %s: expected a cosine of at least %s with every vector of PyTorch's, got %s (%s); %s",
                Golden.FILE,
                precision.configName(),
                leastCosine(),
                result.smallest().digits(),
                result.smallest(),
                precision == Precision.FLOAT32 ? COMPARE : "drop '--precision " + precision.configName() + "'");
    }
}
