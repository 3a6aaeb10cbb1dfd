package dev.braid.job;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.model.FusionModel;
import dev.braid.plan.TableInspection;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.Reference;
import dev.braid.spark.TableColumns;
import dev.braid.tables.InputTables;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options about what is read, the model and the feature tables, for all commands that read them. */
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
            description = "The table of modality M, a path or a name, once per modality; joined on the key, or with"
                    + " --pairs by its ids.")
    List<Assignment> features = new ArrayList<>();

    @Option(
            names = "--pairs",
            paramLabel = "TABLE",
            description =
                    "A table of pairs, a path or a name: the key, the kept columns and, for each modality, a column"
                            + " that refers to a row of its feature table. So a feature row is stored once, and fused in any"
                            + " number of pairs. Default: none; the feature tables have the key themselves.")
    String pairs;

    @Option(
            names = "--pair",
            paramLabel = "M=COL",
            converter = Assignment.Converter.class,
            description =
                    "The column of the pairs that refers to modality M, once per modality. Required with --pairs.")
    List<Assignment> pair = new ArrayList<>();

    @Option(
            names = "--id",
            paramLabel = "M=COL",
            converter = Assignment.Converter.class,
            description = "The column of modality M's feature table that --pair refers to. Default: of the same name.")
    List<Assignment> ids = new ArrayList<>();

    @Option(
            names = "--column",
            paramLabel = "M=NAME",
            converter = Assignment.Converter.class,
            description =
                    "The column of modality M: features, or token ids where the model has word embeddings. Default: the"
                            + " modality's name.")
    List<Assignment> columns = new ArrayList<>();

    @Option(
            names = "--dtype",
            paramLabel = "M=TYPE",
            converter = DtypeName.class,
            description = "The numbers in a binary feature column of modality M, little-endian: float32, float64,"
                    + " float16 or bfloat16. Default: float32.")
    List<Assignment> dtypes = new ArrayList<>();

    @Option(
            names = "--boxes",
            paramLabel = "M=NAME",
            converter = Assignment.Converter.class,
            description =
                    "The column of boxes next to the features of modality M, a box per token. Required for a modality"
                            + " with boxes (LXMERT, UNITER); none for others.")
    List<Assignment> boxes = new ArrayList<>();

    @Mixin
    SelectionOptions selections;

    @Option(
            names = "--key",
            paramLabel = "COL",
            description =
                    "The column that names a row, unique and never null; it keeps its type. Required by fuse and plan.")
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
     * Checks what picocli cannot check: that {@code --paired} and {@code --features} are not both given, that {@code --pairs} has
     * the options that it needs, and that no modality is named twice or has both a mask and a length.
     *
     * @param command the name of the command, for messages
     * @throws UsageException naming the first option that is wrong
     */
    void check(String command) {
        if (!isMissing(paired) && !features.isEmpty()) {
            throw oneOfBoth(command, "both");
        }
        if (isMissing(pairs) != pair.isEmpty() || (isMissing(pairs) && !ids.isEmpty())) {
            throw new UsageException("Cannot " + command
                    + ": expected '--pairs' (a table of pairs) and '--pair' (a column of it per modality) together, got "
                    + (isMissing(pairs) ? "no '--pairs'" : "no '--pair'"));
        }
        if (!isMissing(pairs) && !isMissing(paired)) {
            throw new UsageException("Cannot " + command
                    + ": expected '--features' (a table per modality) with '--pairs', got '--paired'");
        }
        Assignment.byModality("--features", features);
        references();
        Assignment.byModality("--column", columns);
        Assignment.byModality("--dtype", dtypes);
        Assignment.byModality("--boxes", boxes);
        selections.columns();
    }

    /**
     * Checks {@code --max-tokens} for {@code model}.
     *
     * @throws UsageException if not even the shortest row fits
     * @throws dev.braid.InputException if the buffers for so many tokens cannot be allocated
     */
    void checkBudget(ModelConfig model) {
        if (maxTokens < model.fewestTokens()) {
            throw new UsageException("Cannot parse option '--max-tokens': expected at least " + model.fewestTokens()
                    + " (" + model.shortestRow() + "), got " + maxTokens);
        }
        FusionModel.checkSizes(model, maxTokens);
    }

    /** The error if none or both of {@code --paired} and {@code --features} are given. */
    static UsageException oneOfBoth(String command, String got) {
        return new UsageException("Cannot " + command
                + ": expected '--paired' (one table) or '--features' (a table per modality), got " + got);
    }

    static boolean isMissing(String value) {
        return value == null || value.isBlank();
    }

    /**
     * How the pairs refer to each modality; empty without {@code --pairs}.
     *
     * @throws UsageException if a modality is named twice, or has an id and no column of the pairs
     */
    Map<String, Reference> references() {
        Map<String, String> own = Assignment.byModality("--id", ids);
        Map<String, Reference> references = new LinkedHashMap<>();
        Assignment.byModality("--pair", pair)
                .forEach((modality, column) ->
                        references.put(modality, new Reference(column, own.getOrDefault(modality, column))));
        for (String modality : own.keySet()) {
            if (!references.containsKey(modality)) {
                throw new UsageException("Cannot parse option '--id': expected a modality of '--pair' ("
                        + String.join(", ", references.keySet()) + "), got '" + modality + "'");
            }
        }
        return references;
    }

    /**
     * Opens the tables.
     *
     * @param read what {@link #columns} gives
     * @throws dev.braid.InputException with all problems of all tables in one message
     */
    FeatureTables open(InputTables found, ModelConfig config, TableColumns read) {
        return isMissing(pairs)
                ? FeatureTables.perModality(found, tables(config), read)
                : FeatureTables.ofPairs(found, pairs, references(), tables(config), read);
    }

    /** Inspects the tables without reading them to their end. */
    TableInspection inspect(InputTables found, FusionConfig config, ModelConfig model) {
        return isMissing(pairs)
                ? TableInspection.of(found, tables(model), config, model)
                : TableInspection.ofPairs(found, pairs, references(), tables(model), config, model);
    }

    /** Whether a table is given. */
    boolean hasTables() {
        return !isMissing(paired) || !features.isEmpty() || !isMissing(pairs);
    }

    /** The path or name of every table. */
    List<String> tables() {
        return isMissing(paired)
                ? Stream.concat(
                                Stream.ofNullable(isMissing(pairs) ? null : pairs),
                                features.stream().map(Assignment::value))
                        .toList()
                : List.of(paired);
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
                config,
                key,
                keep,
                Assignment.byModality("--column", columns),
                dtypeByModality,
                Assignment.byModality("--boxes", boxes),
                selections.columns());
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
                // Reported below, in Braid's words.
            }
            throw new TypeConversionException(
                    "expected a whole number from 1 to " + Integer.MAX_VALUE + ", got '" + text + "'");
        }
    }
}
