package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelDigest;
import dev.braid.checkpoint.Pooling;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Verification;
import dev.braid.task.VectorForm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options of {@code braid fuse}. A test compares them with {@code conf/braid.properties}. */
final class FuseOptions {
    @Mixin
    InputOptions input;

    @Option(
            names = "--model-sha256",
            paramLabel = "HEX",
            converter = Sha256.class,
            description = "The SHA-256 that the model directory must have (model.sha256 in a table's _manifest.json);"
                    + " any other model is refused before it is loaded. Default: any model.")
    String modelSha256;

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
                    + " float16, or int8 with a scale per vector next to it (fused_scale, fused_tokens_scales)."
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
            names = "--partition-by",
            converter = ColumnName.class,
            paramLabel = "COL,...",
            split = ",",
            hideParamSyntax = true,
            description = "Columns whose values name the directories of the output, as OUTPUT/dt=2026-11-26/part-...;"
                    + " they are of type string, boolean, date or whole number, and the files do not contain them."
                    + " Default: no directories.")
    List<String> partitionBy = new ArrayList<>();

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
            description = "Number of tasks that fuse. Default: one per split of a single table; for a join"
                    + " spark.sql.shuffle.partitions if you set it, otherwise one per 64 MiB, but at least Spark's"
                    + " default parallelism.")
    Integer partitions;

    @Option(
            names = "--output-files",
            paramLabel = "N",
            converter = InputOptions.AtLeastOne.class,
            description = "The most files to write, in a partitioned table per partition; tasks are merged to reach it."
                    + " Default: files of about 128 MiB each, but at least three tasks per slot.")
    Integer outputFiles;

    @Option(
            names = "--overwrite",
            description = "Replace an existing table, once the new one is complete; with --partition-by, only the"
                    + " partitions that are written. Default: refuse, unless this input, model and options gave it; then"
                    + " there is nothing to do.")
    boolean overwrite;

    @Mixin
    PublishOption publish;

    @Mixin
    UpdateOptions update;

    @Mixin
    TableOptions table;

    @Option(
            names = "--profile",
            description =
                    "Print at the end where the time of the fusing tasks went: seconds, percent and GFLOP/s of each"
                            + " stage from read to write. Default: do not print it.")
    boolean profile;

    @Mixin
    ReportOption report;

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
     * Checks what picocli cannot check: that the options needed by {@code command} are given, and that options fit each other.
     *
     * @throws UsageException naming the first option that is wrong
     */
    void check(String command) {
        List<String> missing = new ArrayList<>();
        Map<String, String> required = new LinkedHashMap<>();
        required.put("--model", input.model);
        required.put("--key", input.key);
        if (command.equals("fuse")) {
            required.put("--output", output);
        }
        required.forEach((option, value) -> {
            if (InputOptions.isMissing(value)) {
                missing.add("'" + option + "'");
            }
        });
        if (!missing.isEmpty()) {
            throw new UsageException(
                    "Cannot " + command + ": expected " + String.join(", ", missing) + " (required), got none");
        }
        input.check(command);
        rows.policy();
        checkPartitions();
        update.check(overwrite);
        table.check(update.update ? "--update" : partitionBy.isEmpty() ? null : "--partition-by");
        if (!input.hasTables()) {
            throw InputOptions.oneOfBoth(command, "neither");
        }
        if (pooling == Pooling.NONE && emit.contains(Emitted.POOLED)) {
            throw new UsageException(
                    "Cannot fuse: expected '--emit tokens' or another '--pooling', got '--pooling none'"
                            + " and pooled vectors to write");
        }
    }

    private void checkPartitions() {
        if (Set.copyOf(partitionBy).size() < partitionBy.size() || partitionBy.contains(input.key)) {
            throw new UsageException(
                    "Cannot fuse: expected '--partition-by' with other columns than the key, each once, got" + " '"
                            + String.join(",", partitionBy) + "'");
        }
    }

    /** The kept columns, including the partition columns. */
    private List<String> carried() {
        List<String> kept = update.keep(keep);
        return Stream.concat(kept.stream(), partitionBy.stream().filter(column -> !kept.contains(column)))
                .toList();
    }

    /** The model with the pooling of {@code --pooling}, or with its own. */
    Checkpoint repooled(Checkpoint checkpoint) {
        return pooling == null ? checkpoint : checkpoint.withPooling(pooling);
    }

    /**
     * The configuration of a fusion with {@code model}.
     *
     * @throws InputException if an option names a modality that the model lacks, or its pooling is none and pooled
     *     vectors are asked for
     */
    FusionConfig config(ModelConfig model) {
        TableColumns read = input.columns(model, carried());
        input.checkBudget(model);
        if (model.pooling() == Pooling.NONE && emit.contains(Emitted.POOLED)) {
            throw new InputException("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got"
                    + " 'none'; pass '--pooling' or '--emit tokens'");
        }
        return new FusionConfig(
                read, input.maxTokens, truncate, Set.copyOf(emit), vectors, precision.precision, rows.policy());
    }

    /**
     * Refuses a model whose digest is not that of {@code --model-sha256}. Call it before the model is read.
     *
     * @return the digest. The model's files are read here only if that option is given
     * @throws InputException if the digest differs, or the directory cannot be read
     */
    ModelDigest checkDigest(Configuration hadoop) {
        ModelDigest digest = ModelDigest.of(input.model, hadoop);
        digest.require(modelSha256);
        return digest;
    }

    /** Checks that this machine computes PyTorch's numbers for {@code stored}, the model before options change it. */
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

    static final class Sha256 implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            String digest = text.strip().toLowerCase(Locale.ROOT);
            if (!digest.matches("[0-9a-f]{64}")) {
                throw new TypeConversionException("expected 64 hexadecimal digits, got '" + text + "'");
            }
            return digest;
        }
    }

    static final class PoolingName implements ITypeConverter<Pooling> {
        @Override
        public Pooling convert(String text) {
            return Choice.of(Pooling.parse(text), Pooling.values(), Pooling::configName, text);
        }
    }

    /** A column in a list, without blanks around the commas. */
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
