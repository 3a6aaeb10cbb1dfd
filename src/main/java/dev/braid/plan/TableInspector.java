package dev.braid.plan;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.Reason;
import dev.braid.decode.RowDecoder;
import dev.braid.failure.SparkFailure;
import dev.braid.plan.TableInspection.Lengths;
import dev.braid.plan.TableInspection.Table;
import dev.braid.rows.StoredRow;
import dev.braid.spark.ColumnCheck;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.PairedTable;
import dev.braid.spark.Reference;
import dev.braid.spark.ReferenceCheck;
import dev.braid.spark.ReferenceSummary;
import dev.braid.spark.ReferencedModality;
import dev.braid.spark.ReferencedTables;
import dev.braid.spark.TableColumns;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.tables.JobDescription;
import dev.braid.tables.SourceTable;
import dev.braid.tables.SourceTables;
import dev.braid.tables.SparkSettings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.functions;

/** Makes a {@link TableInspection}. A misfit is noted and does not stop the inspection. */
final class TableInspector {
    /** The key of rows if no column is named, or if the table lacks it. */
    private static final String ROW_NUMBER = "(row)";

    private final SparkSettings settings;
    private final TableColumns columns;
    private final boolean numbered;
    private final InputTables found;
    private final ModelConfig model;
    private final int maxTokens;
    private final List<String> misfits = new ArrayList<>();
    private final Map<String, Lengths> lengths = new LinkedHashMap<>();
    private final Map<String, List<Integer>> tokens = new LinkedHashMap<>();
    private Lengths rowLengths;

    TableInspector(InputTables found, TableColumns columns, ModelConfig model, int maxTokens) {
        this.found = found;
        this.settings = SparkSettings.reading(found.session());
        this.numbered = columns.key() == null;
        this.columns = numbered ? new TableColumns(ROW_NUMBER, columns.keep(), columns.features()) : columns;
        this.model = model;
        this.maxTokens = maxTokens;
    }

    TableInspection inspect(Map<String, String> paths) {
        Map<String, List<FeatureColumn>> byPath = SourceTables.byPath(paths, columns.features(), misfits);
        SourceTables opened = SourceTables.open(settings, found, byPath, columns.carried(), misfits);
        List<Table> tables = tables(opened);
        opened.fit(settings);
        List<SourceTable> sources = opened.all();
        if (numbered) {
            sources = sources.stream().map(TableInspector::withRowNumber).toList();
        }
        new ColumnCheck(sources, columns, misfits).check();
        checkRows(tables);
        sources.forEach(source -> sample(source, columns.key()));
        return inspection(opened, tables, Map.of());
    }

    private TableInspection inspection(
            SourceTables opened, List<Table> tables, Map<String, ReferenceSummary> references) {
        Set<String> tokenIds = opened.tokenIds();
        tokenIds.retainAll(model.modalities().stream()
                .filter(modality -> modality.vocabularySize() > 0)
                .map(ModalityConfig::name)
                .toList());
        Map<String, Lengths> inOrder = new LinkedHashMap<>();
        for (ModalityConfig modality : model.modalities()) {
            inOrder.computeIfAbsent(modality.name(), lengths::get);
        }
        return new TableInspection(tables, inOrder, tokens, rowLengths, tokenIds, references, misfits);
    }

    /** Inspects a table of pairs and the feature tables that it refers to. */
    TableInspection inspectPairs(String pairs, Map<String, Reference> references, Map<String, String> paths) {
        TableColumns own = numbered ? new TableColumns(null, columns.keep(), columns.features()) : columns;
        ReferencedTables opened = ReferenceCheck.open(settings, found, pairs, references, paths, own);
        SourceTables sources = opened.sources();
        sources.fit(settings);
        Map<String, ReferenceSummary> byModality = new LinkedHashMap<>();
        SourceTable pairsTable = sources.all().get(0);
        int tasks = sources.auditTasks(settings.shufflePartitions());
        settings.shuffleInto(tasks);
        for (int m = 0; m < opened.modalities().size(); m++) {
            ReferencedModality modality = opened.modalities().get(m);
            sample(modality.alone(), null); // a row without an id is not a fault: no pair refers to it
            ReferenceSummary counted = opened.inspect(m, pairsTable.rows().rows(), tasks);
            byModality.put(modality.feature().modality().name(), counted);
            String table = "table '" + modality.table().name() + "': expected ";
            String ids = "in '" + modality.reference().column() + "' of '" + pairsTable.name() + "'";
            misfit(counted.empty(), table + "an id " + ids + ", got null in ");
            misfit(counted.missing(), table + "every id " + ids + ", got one that is missing in ");
            misfit(counted.ambiguous(), table + "every id " + ids + " once, got one that occurs more than once in ");
        }
        return inspection(sources, tables(sources), byModality);
    }

    private static List<Table> tables(SourceTables sources) {
        return sources.all().stream()
                .map(source -> new Table(source.name(), source.rows().rows(), source.schema()))
                .toList();
    }

    private void misfit(long pairs, String message) {
        if (pairs > 0) {
            misfits.add(message + Numbers.plain(pairs, "pair"));
        }
    }

    private static SourceTable withRowNumber(SourceTable source) {
        return source.with(ROW_NUMBER, functions.monotonically_increasing_id());
    }

    private void checkRows(List<Table> tables) {
        if (tables.stream().mapToLong(Table::rows).distinct().count() > 1) {
            misfits.add("tables: expected the same keys and so as many rows in each, got "
                    + tables.stream()
                            .map(table -> table.rows() + " in '" + table.path() + "'")
                            .collect(Collectors.joining(", ")));
        }
    }

    /** Samples each modality of a table separately, so that a fault in one does not hide a fault in another. */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    private void sample(SourceTable source, String key) {
        int[] rowTokens = null;
        boolean whole = source.features().size() == columns.features().size();
        for (FeatureColumn feature : source.features()) {
            Optional<PairedTable> alone = alone(source, key, feature);
            if (alone.isEmpty()) {
                whole = false;
                continue;
            }
            List<SampledRow> sample;
            try (JobDescription sampling =
                    JobDescription.of(alone.get().rows().sparkSession(), "read the first rows of " + source.name())) {
                sample = sample(alone.get());
            }
            checkRejected(sample);
            checkPositions(feature, sample);
            int[] counts = sample.stream().mapToInt(SampledRow::tokens).toArray();
            int[] fusible = Arrays.stream(counts).filter(count -> count > 0).toArray();
            if (fusible.length > 0) {
                lengths.put(feature.modality().name(), Lengths.of(fusible));
                tokens.put(
                        feature.modality().name(),
                        Arrays.stream(fusible).boxed().toList());
            }
            rowTokens = rowTokens == null ? counts : sum(rowTokens, counts);
        }
        if (rowTokens != null) {
            checkBudget(source, rowTokens, whole);
        }
    }

    /**
     * A table of the key and one modality, without a limit on the length of its sequences; empty if the modality's column
     * cannot be read.
     */
    private Optional<PairedTable> alone(SourceTable source, String key, FeatureColumn feature) {
        ModalityConfig modality = feature.modality();
        FeatureColumn unlimited = new FeatureColumn(
                modality.withMaxPositions(ModalityConfig.UNLIMITED),
                feature.column(),
                feature.dtype(),
                feature.boxes(),
                feature.selection());
        boolean keyed = key != null && source.has(key);
        TableColumns own = new TableColumns(keyed ? key : ROW_NUMBER, List.of(), List.of(unlimited));
        try {
            return Optional.of(PairedTable.of((keyed ? source : withRowNumber(source)).data(), own));
        } catch (InputException reported) {
            return Optional.empty();
        }
    }

    /** Decodes the first rows. Reads only as many partitions as needed, and returns findings instead of rows. */
    private List<SampledRow> sample(PairedTable alone) {
        ModalityConfig modality = alone.columns().features().get(0).modality();
        // If the pooling takes the first token of a modality, a mask must not drop that token.
        boolean isPooled = model.firstTokenModalities(true).stream()
                .anyMatch(pooled ->
                        modality.name().equals(model.modalities().get(pooled).name()));
        FusionConfig config = new FusionConfig(
                alone.columns(), Integer.MAX_VALUE, false, Set.of(isPooled ? Emitted.POOLED : Emitted.TOKENS));
        RowDecoder decoder = alone.decoder(config, only(modality));
        int tokenSize = modality.tokenSize();
        try {
            JavaRDD<StoredRow> rows = alone.storedRows();
            return rows
                    .map(row -> SampledRow.of(row, decoder, tokenSize).text())
                    .take(TableInspection.SAMPLED_ROWS)
                    .stream()
                    .map(SampledRow::parse)
                    .toList();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw SparkFailure.translate(failure);
        }
    }

    /** A model with the same inputs for one modality, and no other modality. */
    private ModelConfig only(ModalityConfig modality) {
        return model.takesVectors()
                ? ModelConfig.ofVectors(List.of(modality), model.vectors())
                : ModelConfig.singleStream(
                                List.of(modality),
                                false,
                                1,
                                model.stacks().get(0).layer(),
                                model.pooling())
                        .withPositions(model.positions());
    }

    /** One line for each kind of fault, with the first row that has it. */
    private void checkRejected(List<SampledRow> sample) {
        Map<Reason, List<SampledRow>> byReason = sample.stream()
                .filter(row -> row.rejected() != null)
                .collect(Collectors.groupingBy(
                        SampledRow::rejected, () -> new EnumMap<>(Reason.class), Collectors.toList()));
        byReason.values()
                .forEach(rows -> misfits.add(rows.get(0).message() + "; so in " + share(rows.size(), sample.size())));
    }

    private void checkPositions(FeatureColumn feature, List<SampledRow> sample) {
        int limit = feature.modality().maxPositions();
        long beyond = sample.stream().filter(row -> row.positions() > limit).count();
        if (beyond > 0) {
            int longest = sample.stream().mapToInt(SampledRow::positions).max().orElseThrow();
            String expected = model.takesVectors()
                    ? "1 token (the model takes one vector per modality)"
                    : "at most " + limit + " tokens (position table of '"
                            + feature.modality().name() + "')";
            misfits.add("column '" + feature.column() + "': expected " + expected + ", got up to " + longest + " in "
                    + share(beyond, sample.size()) + (model.takesVectors() ? "" : "; --truncate cuts them"));
        }
    }

    /**
     * Checks that the rows fit the token budget, together with the model's own tokens and one token of each other modality.
     *
     * @param whole whether {@code rowTokens} includes every modality
     */
    private void checkBudget(SourceTable source, int[] rowTokens, boolean whole) {
        int elsewhere = columns.features().size() - source.features().size();
        int[] totals = Arrays.stream(rowTokens)
                .filter(tokens -> tokens > 0)
                .map(tokens -> model.learnedTokens() + tokens + elsewhere)
                .toArray();
        if (totals.length == 0) {
            return;
        }
        if (whole) {
            rowLengths = Lengths.of(totals);
        }
        long beyond = Arrays.stream(totals).filter(tokens -> tokens > maxTokens).count();
        if (beyond > 0) {
            int longest = Arrays.stream(totals).max().orElseThrow();
            misfits.add("table '" + source.name() + "': expected rows of at most " + maxTokens
                    + " tokens (--max-tokens), got up to " + longest + " in " + share(beyond, totals.length)
                    + (whole ? "; --max-tokens " + longest + " would do" : ""));
        }
    }

    /** The sums of two counts, row by row; 0 for a row that is rejected in either. */
    private static int[] sum(int[] one, int[] other) {
        int[] sums = new int[one.length];
        Arrays.setAll(sums, row -> one[row] == 0 || other[row] == 0 ? 0 : one[row] + other[row]);
        return sums;
    }

    private static String share(long rows, int sampled) {
        return rows + " of the first " + Numbers.plain(sampled, "row");
    }
}
