package dev.braid.job;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.model.FusionModel;
import dev.braid.spark.Emitted;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.TableColumns;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options of {@code braid fuse}. {@code conf/braid.properties} lists the same ones; a test holds them together. */
final class FuseOptions {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "Directory of the model: config.json and model.safetensors. Required.")
    String model;

    @Option(
            names = "--paired",
            paramLabel = "PATH",
            description = "One Parquet table that holds every modality. Required, unless --features is given.")
    String paired;

    @Option(
            names = "--features",
            paramLabel = "M=PATH",
            converter = Assignment.Converter.class,
            description = "The Parquet table of modality M, once per modality; the tables are joined on the key.")
    List<Assignment> features = new ArrayList<>();

    @Option(
            names = "--column",
            paramLabel = "M=NAME",
            converter = Assignment.Converter.class,
            description = "The feature column of modality M. Default: the modality's name.")
    List<Assignment> columns = new ArrayList<>();

    @Option(
            names = "--dtype",
            paramLabel = "M=TYPE",
            converter = DtypeName.class,
            description = "The numbers in a binary feature column of modality M, little-endian: float32, float16 or"
                    + " bfloat16. Default: float32.")
    List<Assignment> dtypes = new ArrayList<>();

    @Mixin
    SelectionOptions selections;

    @Option(
            names = "--key",
            paramLabel = "COL",
            description = "The column that names a row, unique and never null; it keeps its type. Required.")
    String key;

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
            names = "--pooling",
            converter = PoolingName.class,
            paramLabel = "HOW",
            description = "How a row's tokens become one vector: mean, max, last, cls or none. Default: what the"
                    + " model's config.json says.")
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
            names = "--max-tokens",
            paramLabel = "N",
            converter = AtLeastOne.class,
            defaultValue = "4096",
            description = "Token budget of one batch, which sizes the buffers of a task; no row may be longer."
                    + " Default: ${DEFAULT-VALUE}.")
    int maxTokens;

    @Option(
            names = "--truncate",
            description = "Cut a sequence to the positions that the model's position table has, and count the rows."
                    + " Default: refuse the row.")
    boolean truncate;

    @Option(
            names = "--partitions",
            paramLabel = "N",
            converter = AtLeastOne.class,
            description = "Number of tasks that fuse. Default: as one table is split; for a join one per 64 MiB, and"
                    + " no fewer than Spark's default parallelism.")
    Integer partitions;

    @Option(
            names = "--overwrite",
            description = "Replace an existing output, once the new one is complete. Default: refuse.")
    boolean overwrite;

    /**
     * What picocli does not check: that every required option is there, with one of {@code --paired} and {@code
     * --features}, that no modality is named twice, and none with a mask and a length.
     *
     * @throws UsageException naming the first of these that is wrong
     */
    void check() {
        List<String> missing = new ArrayList<>();
        Map<String, String> required = new LinkedHashMap<>();
        required.put("--model", model);
        required.put("--key", key);
        required.put("--output", output);
        required.forEach((option, value) -> {
            if (isMissing(value)) {
                missing.add("'" + option + "'");
            }
        });
        if (!missing.isEmpty()) {
            throw new UsageException("Cannot fuse: expected " + String.join(", ", missing) + " (required), got none");
        }
        if (isMissing(paired) == features.isEmpty()) {
            throw new UsageException(
                    "Cannot fuse: expected '--paired' (one table) or '--features' (a table per modality)," + " got "
                            + (features.isEmpty() ? "neither" : "both"));
        }
        Assignment.byModality("--features", features);
        Assignment.byModality("--column", columns);
        Assignment.byModality("--dtype", dtypes);
        selections.columns();
    }

    private static boolean isMissing(String value) {
        return value == null || value.isBlank();
    }

    /** The paths that are read. */
    List<String> inputs() {
        List<String> inputs = new ArrayList<>(List.of(model));
        if (isMissing(paired)) {
            features.forEach(table -> inputs.add(table.value()));
        } else {
            inputs.add(paired);
        }
        return inputs;
    }

    /** The model with the pooling asked for, or its own. */
    Checkpoint repooled(Checkpoint checkpoint) {
        return pooling == null ? checkpoint : checkpoint.withPooling(pooling);
    }

    /**
     * What to read and to write for {@code model}.
     *
     * @throws dev.braid.InputException if an option names a modality that the model lacks
     */
    FusionConfig config(ModelConfig model) {
        Map<String, ElementType> dtypeByModality = new LinkedHashMap<>();
        Assignment.byModality("--dtype", dtypes)
                .forEach((modality, dtype) ->
                        dtypeByModality.put(modality, ElementType.parse(dtype).orElseThrow()));
        TableColumns read = TableColumns.of(
                model, key, keep, Assignment.byModality("--column", columns), dtypeByModality, selections.columns());
        int fewest = model.leadingTokens() + model.modalities().size();
        if (maxTokens < fewest) {
            throw new UsageException("Cannot parse option '--max-tokens': expected at least " + fewest
                    + " (a token per modality of the model" + (model.clsToken() ? ", and CLS" : "") + "), got "
                    + maxTokens);
        }
        if (pooling == Pooling.NONE && emit.contains(Emitted.POOLED)) {
            throw new UsageException(
                    "Cannot fuse: expected '--emit tokens' or another '--pooling', got '--pooling none'"
                            + " and pooled vectors to write");
        }
        FusionModel.check(model, maxTokens);
        return new FusionConfig(read, maxTokens, truncate, Set.copyOf(emit));
    }

    FeatureTables open(SparkSession spark, TableColumns columns) {
        return isMissing(paired)
                ? FeatureTables.perModality(spark, Assignment.byModality("--features", features), columns)
                : FeatureTables.paired(spark, paired, columns);
    }

    OptionalInt partitions() {
        return partitions == null ? OptionalInt.empty() : OptionalInt.of(partitions);
    }

    static final class DtypeName implements ITypeConverter<Assignment> {
        @Override
        public Assignment convert(String text) {
            Assignment assignment = new Assignment.Converter().convert(text);
            if (ElementType.parse(assignment.value()).isEmpty()) {
                throw new TypeConversionException(
                        "expected float32, float16 or bfloat16, got '" + assignment.value() + "'");
            }
            return assignment;
        }
    }

    static final class PoolingName implements ITypeConverter<Pooling> {
        @Override
        public Pooling convert(String text) {
            return Arrays.stream(Pooling.values())
                    .filter(pooling -> pooling.configName().equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException("expected "
                            + Arrays.stream(Pooling.values())
                                    .map(Pooling::configName)
                                    .collect(Collectors.joining(", "))
                            + ", got '" + text + "'"));
        }
    }

    /** A column in a list; blanks around the commas are no part of its name. */
    static final class ColumnName implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            return text.strip();
        }
    }

    static final class EmittedName implements ITypeConverter<Emitted> {
        @Override
        public Emitted convert(String text) {
            return Emitted.parse(text.strip())
                    .orElseThrow(() -> new TypeConversionException("expected "
                            + Arrays.stream(Emitted.values())
                                    .map(Emitted::configName)
                                    .collect(Collectors.joining(", "))
                            + ", got '" + text + "'"));
        }
    }

    static final class AtLeastOne implements ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            try {
                int number = Integer.parseInt(text.strip());
                if (number >= 1) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // Said below, in our words.
            }
            throw new TypeConversionException(
                    "expected a whole number from 1 to " + Integer.MAX_VALUE + ", got '" + text + "'");
        }
    }
}
