package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Feature tables beside a model: what they hold, and where they do not fit. Rows are counted in the files' footers; the
 * first {@value #SAMPLED_ROWS} rows of each feature column are decoded as a fusion decodes them. No table is joined or
 * read to its end, and keys are not compared; but the ids that pairs refer to are.
 *
 * @param tables those that could be opened
 * @param lengths by modality, in the model's order: those whose column could be read and has rows to fuse
 * @param tokens by modality, of each sampled row that can be fused
 * @param rowLengths of whole rows with the model's own tokens, where one table holds every modality; else null
 * @param references by modality, how pairs refer to its feature table; empty without pairs
 * @param misfits what a fusion would refuse, a line each; empty where none was seen
 */
public record TableInspection(
        List<Table> tables,
        Map<String, Lengths> lengths,
        Map<String, List<Integer>> tokens,
        Lengths rowLengths,
        Map<String, References> references,
        List<String> misfits) {
    /** How many rows of a feature column are looked at. */
    public static final int SAMPLED_ROWS = 1000;

    public TableInspection {
        tables = List.copyOf(tables);
        lengths = new LinkedHashMap<>(lengths);
        tokens = Map.copyOf(tokens);
        references = new LinkedHashMap<>(references);
        misfits = List.copyOf(misfits);
    }

    /** The mean length of a sampled row, the model's own tokens counted; 0 if no row of the sample can be fused. */
    public double meanTokens(ModelConfig model) {
        double mean = tokens.values().stream()
                .mapToDouble(counts ->
                        counts.stream().mapToInt(count -> count).average().orElse(0))
                .sum();
        return mean == 0 ? 0 : model.learnedTokens() + mean;
    }

    /** The shortest row in tokens, the model's own counted, as far as the sample tells. */
    public int shortestRow(ModelConfig model) {
        return rowLengths != null
                ? rowLengths.shortest()
                : model.learnedTokens()
                        + lengths.values().stream().mapToInt(Lengths::shortest).sum();
    }

    /** The longest row in tokens, the model's own counted, as far as the sample tells. */
    public int longestRow(ModelConfig model) {
        return rowLengths != null
                ? rowLengths.longest()
                : model.learnedTokens()
                        + lengths.values().stream().mapToInt(Lengths::longest).sum();
    }

    /** One table, its rows as the footers of its files count them. */
    public record Table(String path, long rows, StructType schema) {}

    /**
     * How pairs refer to a feature table.
     *
     * @param rows of the feature table
     * @param unreferenced those that no pair refers to
     * @param empty pairs that refer to none
     * @param missing pairs that refer to an id that the table lacks
     * @param ambiguous pairs that refer to an id that the table has more than once
     * @param median pairs that refer to one row, of the rows that any refers to
     * @param percentile95 the same of the 95th of 100 of these rows
     * @param most the same of the last of them
     */
    public record References(
            long rows,
            long unreferenced,
            long empty,
            long missing,
            long ambiguous,
            long median,
            long percentile95,
            long most) {}

    /** Lengths in tokens of the sampled rows that can be fused. */
    public record Lengths(int rows, int shortest, int median, int percentile95, int longest) {

        /** Of one length or more. */
        static Lengths of(int[] tokens) {
            int[] sorted = tokens.clone();
            Arrays.sort(sorted);
            int last = sorted.length - 1;
            return new Lengths(sorted.length, sorted[0], rank(sorted, 50), rank(sorted, 95), sorted[last]);
        }

        /** The smallest length that {@code percent} of all do not pass. */
        private static int rank(int[] sorted, int percent) {
            return sorted[(int) ((sorted.length * (long) percent + 99) / 100) - 1];
        }
    }

    /**
     * Looks at the tables of a model's modalities. Driver only.
     *
     * @param paths a path for each modality, by its name; several may share one
     * @param columns of {@code model}'s modalities; without a key (null) rows are named by their number
     * @param maxTokens the longest row that a fusion would take, the model's own tokens counted
     * @throws InputException if Spark is set to leave out files, or a file cannot be read
     */
    public static TableInspection of(
            SparkSession spark, Map<String, String> paths, TableColumns columns, ModelConfig model, int maxTokens) {
        return of(new InputTables(spark), paths, columns, model, maxTokens);
    }

    /** The same of tables that may be looked up already. */
    public static TableInspection of(
            InputTables tables, Map<String, String> paths, TableColumns columns, ModelConfig model, int maxTokens) {
        return new TableInspector(tables, columns, model, maxTokens).inspect(paths);
    }

    /**
     * The same of a table of pairs and the feature tables that it refers to, whose ids are all read.
     *
     * @param references how the pairs name the rows of each modality's table, by the modality's name
     * @throws InputException with all problems of the tables and their columns
     */
    public static TableInspection ofPairs(
            InputTables tables,
            String pairs,
            Map<String, Reference> references,
            Map<String, String> paths,
            TableColumns columns,
            ModelConfig model,
            int maxTokens) {
        return new TableInspector(tables, columns, model, maxTokens).inspectPairs(pairs, references, paths);
    }
}
