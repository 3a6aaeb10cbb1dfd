package dev.braid.job;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.model.FusionModel;
import dev.braid.spark.TableColumns;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** What is read: the model and the feature tables. The same options for {@code braid fuse} and {@code braid inspect}. */
final class InputOptions {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "Directory of the model: config.json and model.safetensors. Required.")
    String model;

    @Option(
            names = "--paired",
            paramLabel = "TABLE",
            description = "One table that holds every modality: the path of Parquet files, or the name of a Parquet,"
                    + " Delta or Iceberg table in Spark's catalog. Required, unless --features is given.")
    String paired;

    @Option(
            names = "--features",
            paramLabel = "M=TABLE",
            converter = Assignment.Converter.class,
            description = "The table of modality M, a path or a name, once per modality; joined on the key.")
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
            description = "The numbers in a binary feature column of modality M, little-endian: float32, float64,"
                    + " float16 or bfloat16. Default: float32.")
    List<Assignment> dtypes = new ArrayList<>();

    @Mixin
    SelectionOptions selections;

    @Option(
            names = "--key",
            paramLabel = "COL",
            description = "The column that names a row, unique and never null; it keeps its type. Required by fuse.")
    String key;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            converter = AtLeastOne.class,
            defaultValue = "4096",
            description = "Token budget of one batch, which sizes the buffers of a task; no row may be longer."
                    + " Default: ${DEFAULT-VALUE}.")
    int maxTokens;

    /**
     * What picocli does not check: not both of {@code --paired} and {@code --features}, no modality named
     * twice, none with a mask and a length.
     *
     * @param command as messages call it
     * @throws UsageException naming the first of these that is wrong
     */
    void check(String command) {
        if (!isMissing(paired) && !features.isEmpty()) {
            throw oneOfBoth(command, "both");
        }
        Assignment.byModality("--features", features);
        Assignment.byModality("--column", columns);
        Assignment.byModality("--dtype", dtypes);
        selections.columns();
    }

    /**
     * Whether {@code --max-tokens} can be had for {@code model}.
     *
     * @throws UsageException if no row could fit
     * @throws dev.braid.InputException if its buffers could not be allocated
     */
    void checkBudget(ModelConfig model) {
        int fewest = model.leadingTokens() + model.modalities().size();
        if (maxTokens < fewest) {
            throw new UsageException("Cannot parse option '--max-tokens': expected at least " + fewest
                    + " (a token per modality of the model" + (model.clsToken() ? ", and CLS" : "") + "), got "
                    + maxTokens);
        }
        FusionModel.check(model, maxTokens);
    }

    /** The refusal of none or both of {@code --paired} and {@code --features}. */
    static UsageException oneOfBoth(String command, String got) {
        return new UsageException("Cannot " + command
                + ": expected '--paired' (one table) or '--features' (a table per modality), got " + got);
    }

    static boolean isMissing(String value) {
        return value == null || value.isBlank();
    }

    /** Whether there is a table to read. */
    boolean hasTables() {
        return !isMissing(paired) || !features.isEmpty();
    }

    /** The path or name of every feature table. */
    List<String> tables() {
        return isMissing(paired) ? features.stream().map(Assignment::value).toList() : List.of(paired);
    }

    /** The table of each modality. */
    Map<String, String> tables(ModelConfig config) {
        return isMissing(paired)
                ? Assignment.byModality("--features", features)
                : config.modalities().stream().collect(Collectors.toMap(ModalityConfig::name, modality -> paired));
    }

    /**
     * The columns to read for {@code config}.
     *
     * @throws dev.braid.InputException if an option names a modality that the model lacks
     */
    TableColumns columns(ModelConfig config, List<String> keep) {
        Map<String, ElementType> dtypeByModality = new LinkedHashMap<>();
        Assignment.byModality("--dtype", dtypes)
                .forEach((modality, dtype) ->
                        dtypeByModality.put(modality, ElementType.parse(dtype).orElseThrow()));
        return TableColumns.of(
                config, key, keep, Assignment.byModality("--column", columns), dtypeByModality, selections.columns());
    }

    static final class DtypeName implements ITypeConverter<Assignment> {
        @Override
        public Assignment convert(String text) {
            Assignment assignment = new Assignment.Converter().convert(text);
            if (ElementType.parse(assignment.value()).isEmpty()) {
                throw new TypeConversionException(
                        "expected float32, float64, float16 or bfloat16, got '" + assignment.value() + "'");
            }
            return assignment;
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
