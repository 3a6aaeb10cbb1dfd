package dev.braid.plan;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.Reference;
import dev.braid.spark.ReferenceSummary;
import dev.braid.tables.InputTables;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.types.StructType;

/**
 * Feature tables compared with a model: what they hold, and where they do not fit. Rows are counted in the files' footers.
 * The first {@value #SAMPLED_ROWS} rows of each feature column are decoded as in a fusion. No table is joined or read to its
 * end. Keys are not compared, but the ids that pairs refer to are.
 *
 * @param tables the tables that could be opened
 * @param lengths by modality, in the model's order, for modalities whose column could be read and has rows to fuse
 * @param tokens by modality, the tokens of each sampled row that can be fused
 * @param rowLengths of whole rows, including the model's own tokens, if one table holds every modality; otherwise null
 * @param tokenIds names of the modalities with a vocabulary whose columns hold token ids
 * @param references by modality, how pairs refer to its feature table; empty without pairs
 * @param misfits why a fusion would end, one line each; empty if nothing was found
 */
public record TableInspection(
        List<Table> tables,
        Map<String, Lengths> lengths,
        Map<String, List<Integer>> tokens,
        Lengths rowLengths,
        Set<String> tokenIds,
        Map<String, ReferenceSummary> references,
        List<String> misfits) {
    /** How many rows of a feature column are sampled. */
    public static final int SAMPLED_ROWS = 1000;

    public TableInspection {
        tables = List.copyOf(tables);
        lengths = new LinkedHashMap<>(lengths);
        tokens = Map.copyOf(tokens);
        tokenIds = Set.copyOf(tokenIds);
        references = new LinkedHashMap<>(references);
        misfits = List.copyOf(misfits);
    }

    /** The mean tokens of a sampled row, including the model's own; 0 if no sampled row can be fused. */
    public double meanTokens(ModelConfig model) {
        double mean = tokens.values().stream()
                .mapToDouble(counts ->
                        counts.stream().mapToInt(count -> count).average().orElse(0))
                .sum();
        return mean == 0 ? 0 : model.learnedTokens() + mean;
    }

    /** The tokens of the shortest row, including the model's own, as far as the sample tells. */
    public int shortestRow(ModelConfig model) {
        return rowLengths != null
                ? rowLengths.shortest()
                : model.learnedTokens()
                        + lengths.values().stream().mapToInt(Lengths::shortest).sum();
    }

    /** The tokens of the longest row, including the model's own, as far as the sample tells. */
    public int longestRow(ModelConfig model) {
        return rowLengths != null
                ? rowLengths.longest()
                : model.learnedTokens()
                        + lengths.values().stream().mapToInt(Lengths::longest).sum();
    }

    /** One table, with its rows as counted in the footers of its files. */
    public record Table(String path, long rows, StructType schema) {}

    /** Lengths in tokens of the sampled rows that can be fused. */
    public record Lengths(int rows, int shortest, int median, int percentile95, int longest) {

        /** The lengths of at least one row. */
        static Lengths of(int[] tokens) {
            int[] sorted = tokens.clone();
            Arrays.sort(sorted);
            int last = sorted.length - 1;
            return new Lengths(sorted.length, sorted[0], rank(sorted, 50), rank(sorted, 95), sorted[last]);
        }

        /** The smallest length that {@code percent} percent of all rows do not exceed. */
        private static int rank(int[] sorted, int percent) {
            return sorted[(int) ((sorted.length * (long) percent + 99) / 100) - 1];
        }
    }

    /**
     * Inspects the tables of a model's modalities, which may have been looked up already. Driver only.
     *
     * @param paths the path of each modality's table, by the modality's name; several may share one
     * @param config what a fusion would accept; without a key (null), messages name rows by numbers that Spark gives them
     * @throws InputException if Spark is set to leave out files, or a file cannot be read
     */
    public static TableInspection of(
            InputTables tables, Map<String, String> paths, FusionConfig config, ModelConfig model) {
        return new TableInspector(tables, config, model).inspect(paths);
    }

    /**
     * Inspects a table of pairs and the feature tables that it refers to. All of their ids are read.
     *
     * @param references how the pairs name the rows of each modality's table, by the modality's name
     * @throws InputException with all problems of the tables and their columns
     */
    public static TableInspection ofPairs(
            InputTables tables,
            String pairs,
            Map<String, Reference> references,
            Map<String, String> paths,
            FusionConfig config,
            ModelConfig model) {
        return new TableInspector(tables, config, model).inspectPairs(pairs, references, paths);
    }
}
