package dev.braid.job;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.model.Deviation;
import dev.braid.model.FusionModel;
import dev.braid.model.GoldenCheck;
import dev.braid.model.GoldenResult;
import dev.braid.tensor.Precision;
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
        description = "Replays the golden.safetensors of a model on this machine and shows the largest difference from"
                + " PyTorch's numbers.",
        customSynopsis = "jobs/verify.sh --model DIR [OPTION]...",
        sortOptions = false,
        footer = {
            "",
            "Exit codes: 0 within the tolerance; 3 beyond it, no golden.safetensors, or a precision that the processor",
            "does not have; 1 and 2 as jobs/fuse.sh.",
            "",
            "Examples:",
            "  jobs/verify.sh --model model",
            "  jobs/verify.sh --model model --precision bf16"
        })
final class VerifyCommand implements Callable<Integer> {
    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "Directory of the model, with golden.safetensors. Required.")
    private String model;

    @Mixin
    private PrecisionOption precision;

    @Mixin
    private ToleranceOption tolerance;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        FusionModel.checkPrecision(precision.precision);
        Configuration hadoop = Session.hadoop();
        Checkpoint stored = Checkpoint.read(model, hadoop);
        Golden golden = Golden.read(model, stored.config(), hadoop)
                .orElseThrow(() -> new InputException("Cannot verify model '" + model + "': expected " + Golden.FILE
                        + " next to its weights, got none; write one in Python with braid.export(module, directory,"
                        + " sample=...)"));
        Checkpoint checkpoint = stored.withTokenIds(golden.tokenIds(), model, hadoop);
        FusionModel.checkSizes(checkpoint.config(), 1);
        PrintWriter out = spec.commandLine().getOut();
        verify(new GoldenCheck(golden, tolerance.tolerance), checkpoint, out);
        if (precision.precision != Precision.FLOAT32) {
            out.println();
            verify(new GoldenCheck(golden, tolerance.tolerance, precision.precision), checkpoint, out);
        }
        return ExitCode.DONE;
    }

    private void verify(GoldenCheck check, Checkpoint checkpoint, PrintWriter out) {
        try (FusionModel loaded = FusionModel.load(checkpoint, check.precision())) {
            GoldenResult result = check.replay(loaded);
            out.println(check.precision() == Precision.FLOAT32 ? inFloat32(result) : rounded(result, check));
            printLayers(result, out);
            check.check(result);
        }
    }

    private TextTable inFloat32(GoldenResult result) {
        return TextTable.plain()
                .add("rows", Numbers.count(result.rows()))
                .add("tokens", Numbers.count(result.tokens()))
                .add("largest error", error(result.largest()))
                .add("where", result.largest().toString())
                .add(
                        "tolerance",
                        Numbers.brief(tolerance.tolerance) + " (relative to the root mean square of its vector)");
    }

    private static TextTable rounded(GoldenResult result, GoldenCheck check) {
        return TextTable.plain()
                .add("precision", check.precision().configName())
                .add("largest error", error(result.largest()))
                .add("where", result.largest().toString())
                .add("smallest cosine", result.smallest().digits())
                .add("where", result.smallest().toString())
                .add("expected", "a cosine of at least " + check.leastCosine());
    }

    private static void printLayers(GoldenResult result, PrintWriter out) {
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
