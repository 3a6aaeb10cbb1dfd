package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.model.Deviation;
import dev.braid.model.FusionModel;
import dev.braid.model.GoldenResult;
import dev.braid.model.Proof;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code braid verify}: replays what PyTorch gave for a model's golden rows, on this machine, without Spark. */
@Command(
        name = "verify",
        description =
                "Replays the golden.safetensors of a model on this machine and shows how near it comes to PyTorch.",
        sortOptions = false,
        footer = {
            "",
            "Exit codes: 0 within the tolerance; 3 beyond it, or no golden.safetensors; 1 and 2 as 'braid fuse'.",
            "",
            "Example:",
            "  jobs/verify.sh --model model"
        })
final class VerifyCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "Directory of the model, with golden.safetensors. Required.")
    private String model;

    @Mixin
    private ToleranceOption tolerance;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        Configuration hadoop = Session.hadoop();
        Checkpoint checkpoint = Checkpoint.read(model, hadoop);
        Golden golden = Golden.read(model, checkpoint.config(), hadoop)
                .orElseThrow(() -> new InputException("Cannot verify model '" + model + "': expected " + Golden.FILE
                        + " beside its weights, got none; write one in Python with braid.export(module, directory,"
                        + " sample=...)"));
        FusionModel.check(checkpoint.config(), 1);
        Proof proof = new Proof(golden, tolerance.tolerance);
        try (FusionModel loaded = FusionModel.load(checkpoint)) {
            GoldenResult result = proof.replay(loaded);
            print(result, spec.commandLine().getOut());
            proof.check(result);
        }
        return ExitCode.DONE;
    }

    private void print(GoldenResult result, PrintWriter out) {
        out.println(TextTable.plain()
                .add("rows", String.format(Locale.ROOT, "%,d", result.rows()))
                .add("tokens", String.format(Locale.ROOT, "%,d", result.tokens()))
                .add("largest error", error(result.largest()))
                .add("where", result.largest().toString())
                .add("tolerance", ModelSummary.number(tolerance.tolerance) + " (relative to max(1, |x|))"));
        if (!result.layers().isEmpty()) {
            TextTable layers = TextTable.headed("layer", "largest error", "where");
            result.layers().forEach(layer -> layers.add(layer.tensor(), error(layer), layer.toString()));
            out.println("\n" + layers);
        }
    }

    private static String error(Deviation deviation) {
        return String.format(Locale.ROOT, "%.1e", deviation.error());
    }
}
