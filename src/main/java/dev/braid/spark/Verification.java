package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelDigest;
import dev.braid.failure.TransientException;
import dev.braid.model.FusionModel;
import dev.braid.model.GoldenCheck;
import dev.braid.model.GoldenResult;
import dev.braid.tensor.Precision;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;

/**
 * Checks before a run that this machine computes the same numbers as PyTorch.
 *
 * @param proof the check that each executor repeats; empty if the model has no golden file, or the check is switched off
 * @param outcome the text for the run report
 */
public record Verification(Optional<GoldenCheck> proof, String outcome) {

    public static Verification skipped() {
        return new Verification(Optional.empty(), "skipped (--no-verify)");
    }

    /**
     * Replays the model's golden file here, if its directory has one: in float32, which finds every wrong description of the
     * model, and then in the precision of the run.
     *
     * @throws InputException if a number is too far off, or this machine would not gain from the precision
     */
    public static Verification of(
            String directory, Checkpoint checkpoint, double tolerance, Precision precision, Configuration hadoop) {
        Optional<Golden> golden = Golden.read(directory, checkpoint.config(), hadoop);
        if (golden.isEmpty()) {
            return new Verification(Optional.empty(), "no " + Golden.FILE);
        }
        checkOnDriver(precision);
        checkTokenIds(golden.get(), checkpoint.config());
        GoldenCheck proof = new GoldenCheck(golden.get(), tolerance);
        GoldenResult result = verify(proof, checkpoint);
        String outcome = String.format(
                Locale.ROOT,
                "%,d rows, largest error %.1e",
                result.rows(),
                result.largest().error());
        if (precision != Precision.FLOAT32) {
            proof = new GoldenCheck(golden.get(), tolerance, precision);
            GoldenResult rounded = verify(proof, checkpoint);
            outcome += String.format(
                    Locale.ROOT,
                    "; in %s %.1e, smallest cosine %s",
                    precision.configName(),
                    rounded.largest().error(),
                    rounded.smallest().digits());
        }
        return new Verification(Optional.of(proof), outcome);
    }

    /**
     * Checks that no file has changed since the digest was made. To be called after the model was read.
     *
     * @throws TransientException if a file has changed
     */
    public static void refuseChanged(ModelDigest digest) {
        List<String> changed = digest.changes();
        if (!changed.isEmpty()) {
            throw new TransientException(
                    "Cannot use model '" + digest.directory()
                            + "': expected its files as they were when the run began, got" + " changed ones: "
                            + String.join(", ", changed) + "; run it again once nobody writes to it",
                    null);
        }
    }

    /** Refuses a golden file whose rows have features where the tables have token ids, or the reverse. */
    private static void checkTokenIds(Golden golden, ModelConfig model) {
        Set<String> read = model.modalities().stream()
                .filter(ModalityConfig::tokenIds)
                .map(ModalityConfig::name)
                .collect(Collectors.toSet());
        if (!golden.tokenIds().equals(read)) {
            throw new InputException(
                    "Cannot verify the model: expected rows in " + Golden.FILE + " with " + inputs(read)
                            + " (as in the feature tables), got " + inputs(golden.tokenIds())
                            + "; write such rows, or run 'braid verify' by itself and pass '--no-verify' here");
        }
    }

    private static String inputs(Set<String> tokenIds) {
        return tokenIds.isEmpty() ? "features alone" : "token ids of " + String.join(", ", new TreeSet<>(tokenIds));
    }

    private static void checkOnDriver(Precision precision) {
        try {
            FusionModel.checkPrecision(precision);
        } catch (InputException refused) {
            throw new InputException("On the driver: " + refused.getMessage(), refused);
        }
    }

    private static GoldenResult verify(GoldenCheck proof, Checkpoint checkpoint) {
        try (FusionModel model = FusionModel.load(checkpoint, proof.precision())) {
            return proof.verify(model);
        }
    }
}
