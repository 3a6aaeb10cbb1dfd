package dev.braid.model;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import dev.braid.InputException;
import dev.braid.checkpoint.Golden;
import java.io.Serializable;
import java.util.Locale;

/**
 * The proof that this machine gives PyTorch's numbers: a golden file and how near they have to be.
 *
 * @param golden the model's golden file
 * @param tolerance the largest error allowed, relative to max(1, |x|)
 */
@DefaultSerializer(JavaSerializer.class)
public record Proof(Golden golden, double tolerance) implements Serializable {

    /** Runs the golden rows through {@code model} on this machine's kernels, whatever comes of it. */
    public GoldenResult replay(FusionModel model) {
        return GoldenReplay.run(model, golden);
    }

    /**
     * Holds a result against the tolerance.
     *
     * @throws InputException if a number is too far off, with the largest error, its row and the first layer that differs
     */
    public void check(GoldenResult result) {
        if (!result.within(tolerance)) {
            throw new InputException(message(result));
        }
    }

    /** Errors that the rounding of float32 makes by itself, in PyTorch too. */
    private static final double FLOAT32_ROUNDING = 1e-5;

    /**
     * Replays and checks.
     *
     * @throws InputException as {@link #check} says
     */
    public GoldenResult verify(FusionModel model) {
        GoldenResult result = replay(model);
        check(result);
        return result;
    }

    private String message(GoldenResult result) {
        String layer = result.firstBeyond(tolerance)
                .map(first -> "; the first layer that differs is " + first.tensor())
                .orElse(result.layers().isEmpty() ? "" : "; every layer that the file holds agrees");
        double error = result.largest().error();
        String nextStep = error <= FLOAT32_ROUNDING
                ? "float32 itself is no nearer: allow more"
                : "compare num_attention_heads, norm_first, hidden_act and layer_norm_eps in config.json with the trained"
                        + " model, or export it again";
        return String.format(
                Locale.ROOT,
                "Cannot reproduce %s: expected every number within %.0e of PyTorch's (--tolerance, relative to max(1, |x|)),"
                        + " got an error of %.1e (%s)%s; %s",
                Golden.FILE,
                tolerance,
                error,
                result.largest(),
                layer,
                nextStep);
    }
}
