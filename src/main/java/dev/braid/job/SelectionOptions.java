package dev.braid.job;

import dev.braid.tables.SelectionColumn;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** The columns that select tokens: per modality a mask, a length, or neither. */
final class SelectionOptions {
    @Option(
            names = "--mask",
            paramLabel = "M=COL",
            converter = Assignment.Converter.class,
            description = "A column next to the features of modality M, an array with an entry per token: 1 or true"
                    + " keeps it, 0 or false leaves it out of everything. Default: every token is kept.")
    List<Assignment> masks = new ArrayList<>();

    @Option(
            names = "--length",
            paramLabel = "M=COL",
            converter = Assignment.Converter.class,
            description = "A column next to the features of modality M: how many tokens are kept, from the first on."
                    + " Default: every token is kept.")
    List<Assignment> lengths = new ArrayList<>();

    /**
     * The columns by modality, in the order given.
     *
     * @throws UsageException if a modality is named twice
     */
    Map<String, SelectionColumn> columns() {
        Map<String, SelectionColumn> columns = new LinkedHashMap<>();
        Assignment.byModality("--mask", masks)
                .forEach((modality, column) -> columns.put(modality, SelectionColumn.mask(column)));
        Assignment.byModality("--length", lengths).forEach((modality, column) -> {
            if (columns.put(modality, SelectionColumn.length(column)) != null) {
                throw new UsageException("Cannot select tokens: expected '--mask' or '--length' for modality '"
                        + modality + "', got both");
            }
        });
        return columns;
    }
}
