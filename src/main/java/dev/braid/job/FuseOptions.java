package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.TableColumns;
import dev.braid.spark.VectorForm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/** The options of {@code braid fuse}, beside those of its input. {@code conf/braid.properties} lists the same ones; a test holds them together. */
final class FuseOptions {
    /** Where input, model and output are is of no matter to the rows; nor is how they are computed. */
    private static final Set<String> UNDECIDING = Set.of(
            "--help",
            "--model",
            "--paired",
            "--features",
            "--output",
            "--overwrite",
            "--options",
            "--output-files",
            "--partitions",
            "--profile",
            "--no-verify",
            "--tolerance",
            "--verbose");

    @Mixin
    InputOptions input;

    @Option(
            names = "--output",
            paramLabel = "PATH",
            description = "The directory to write the fused table to, as Parquet. Required.")
    String output;

    @Option(
            names = "--emit",
            converter = EmittedName.class,
            paramLabel = "WHAT,...",
            split = ",",
            hideParamSyntax = true,
            defaultValue = "pooled",
            description = "What to write of a row, one or more: pooled (column fused), tokens (columns fused_tokens"
                    + " and fused_lengths), attention (column attention: the share that each modality received) or"
                    + " attention-by-layer (column attention_by_layer). Default: ${DEFAULT-VALUE}.")
    List<Emitted> emit;

    @Option(
            names = "--vectors",
            converter = VectorFormName.class,
            paramLabel = "FORM",
            defaultValue = "array",
            description = "How fused vectors are stored: array (of float32), or as one binary value per row: float32,"
                    + " float16, or int8 with a scale per vector beside it (fused_scale, fused_tokens_scales)."
                    + " Default: ${DEFAULT-VALUE}.")
    VectorForm vectors;

    @Option(
            names = "--pooling",
            converter = PoolingName.class,
            paramLabel = "HOW",
            description = "How a row's tokens become one vector: mean, max, last, cls, pooler or none. Default:"
                    + " what the model's config.json says.")
    Pooling pooling;

    @Option(
            names = "--keep",
            converter = ColumnName.class,
            paramLabel = "COL,...",
            split = ",",
            hideParamSyntax = true,
            description = "Other columns to carry into the output. Default: none.")
    List<String> keep = new ArrayList<>();

    @Option(
            names = "--truncate",
            description = "Cut a sequence to the positions that the model's position table has, and count the rows."
                    + " Default: refuse the row.")
    boolean truncate;

    @Mixin
    PolicyOptions rows;

    @Option(
            names = "--partitions",
            paramLabel = "N",
            converter = InputOptions.AtLeastOne.class,
            description = "Number of tasks that fuse. Default: as one table is split; for a join one per 64 MiB, and"
                    + " no fewer than Spark's default parallelism.")
    Integer partitions;

    @Option(
            names = "--output-files",
            paramLabel = "N",
            converter = InputOptions.AtLeastOne.class,
            description = "The most files to write; tasks are merged, so no more than there are. Default: of about 128"
                    + " MiB each, but enough for three tasks per slot.")
    Integer outputFiles;

    @Option(
            names = "--overwrite",
            description = "Replace an existing table, once the new one is complete. Default: refuse, unless this input,"
                    + " model and options gave it; then there is nothing to do.")
    boolean overwrite;

    @Option(
            names = "--profile",
            description =
                    "Print at the end where the time of the fusing tasks went: seconds, percent and GFLOP/s of each"
                            + " stage from read to write. Default: do not print it.")
    boolean profile;

    @Mixin
    PrecisionOption precision;

    @Mixin
    ToleranceOption tolerance;

    @Option(
            names = "--no-verify",
            description = "Do not replay the model's golden.safetensors before the run. Default: replay it, where there"
                    + " is one.")
    boolean noVerify;

    /**
     * What picocli does not check: that every required option is there, with one of {@code --paired} and {@code
     * --features}, and what {@link InputOptions#check} and {@link PolicyOptions#policy} say.
     *
     * @throws UsageException naming the first of these that is wrong
     */
    void check() {
        List<String> missing = new ArrayList<>();
        Map<String, String> required = new LinkedHashMap<>();
        required.put("--model", input.model);
        required.put("--key", input.key);
        required.put("--output", output);
        required.forEach((option, value) -> {
            if (InputOptions.isMissing(value)) {
                missing.add("'" + option + "'");
            }
        });
        if (!missing.isEmpty()) {
            throw new UsageException("Cannot fuse: expected " + String.join(", ", missing) + " (required), got none");
        }
        input.check("fuse");
        rows.policy();
        if (!input.hasTables()) {
            throw InputOptions.oneOfBoth("fuse", "neither");
        }
        if (pooling == Pooling.NONE && emit.contains(Emitted.POOLED)) {
            throw new UsageException(
                    "Cannot fuse: expected '--emit tokens' or another '--pooling', got '--pooling none'"
                            + " and pooled vectors to write");
        }
    }

    /** The model with the pooling asked for, or its own. */
    Checkpoint repooled(Checkpoint checkpoint) {
        return pooling == null ? checkpoint : checkpoint.withPooling(pooling);
    }

    /**
     * What to read and to write for {@code model}.
     *
     * @throws InputException if an option names a modality that the model lacks, or its pooling is none and pooled
     *     vectors are asked for
     */
    FusionConfig config(ModelConfig model) {
        TableColumns read = input.columns(model, keep);
        input.checkBudget(model);
        if (model.pooling() == Pooling.NONE && emit.contains(Emitted.POOLED)) {
            throw new InputException("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got"
                    + " 'none'; pass '--pooling' or '--emit tokens'");
        }
        return new FusionConfig(
                read, input.maxTokens, truncate, Set.copyOf(emit), vectors, precision.precision, rows.policy());
    }

    /** The options that decide what the rows of the output are, as they were given or by default, by name. */
    static Map<String, String> deciding(List<OptionSpec> options) {
        Map<String, String> deciding = new TreeMap<>();
        for (OptionSpec option : options) {
            String name = option.longestName();
            Object value = option.getValue();
            boolean given = value != null && !value.equals(false) && !value.equals(List.of());
            if (given && !UNDECIDING.contains(name)) {
                deciding.put(name.substring(2), String.join(",", option.originalStringValues()));
            }
        }
        return deciding;
    }

    /** Whether this machine gives PyTorch's numbers for {@code stored}, the model as its directory holds it. */
    Verification verify(Checkpoint stored, Configuration hadoop) {
        return noVerify
                ? Verification.skipped()
                : Verification.of(input.model, stored, tolerance.tolerance, precision.precision, hadoop);
    }

    OptionalInt partitions() {
        return partitions == null ? OptionalInt.empty() : OptionalInt.of(partitions);
    }

    OptionalInt outputFiles() {
        return outputFiles == null ? OptionalInt.empty() : OptionalInt.of(outputFiles);
    }

    static final class PoolingName implements ITypeConverter<Pooling> {
        @Override
        public Pooling convert(String text) {
            return Choice.of(Pooling.parse(text), Pooling.values(), Pooling::configName, text);
        }
    }

    /** A column in a list; blanks around the commas are no part of its name. */
    static final class ColumnName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return text.strip();
        }
    }

    static final class VectorFormName implements ITypeConverter<VectorForm> {
        @Override
        public VectorForm convert(String text) {
            return Choice.of(VectorForm.parse(text), VectorForm.values(), VectorForm::configName, text);
        }
    }

    static final class EmittedName implements ITypeConverter<Emitted> {
        @Override
        public Emitted convert(String text) {
            return Choice.of(Emitted.parse(text.strip()), Emitted.values(), Emitted::configName, text);
        }
    }
}
