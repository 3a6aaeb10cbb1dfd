package dev.braid.plan;

import dev.braid.Numbers;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.Reason;
import dev.braid.plan.TableInspection.Lengths;
import dev.braid.plan.TableInspection.Table;
import dev.braid.spark.ColumnCheck;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.Reference;
import dev.braid.spark.ReferenceCheck;
import dev.braid.spark.ReferenceSummary;
import dev.braid.spark.ReferencedModality;
import dev.braid.spark.ReferencedTables;
import dev.braid.spark.TableColumns;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
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

/** Makes a {@link TableInspection}. A misfit is noted and does not stop the inspection. */
final class TableInspector {
    private final SparkSettings settings;
    private final TableColumns columns;
    private final boolean numbered;
    private final InputTables found;
    private final ModelConfig model;
    private final FusionConfig config;
    private final RowSampler sampler;
    private final List<String> misfits = new ArrayList<>();
    private final Map<String, Lengths> lengths = new LinkedHashMap<>();
    private final Map<String, List<Integer>> tokens = new LinkedHashMap<>();
    private Lengths rowLengths;

    TableInspector(InputTables found, FusionConfig config, ModelConfig model) {
        TableColumns columns = config.columns();
        this.found = found;
        this.settings = SparkSettings.reading(found.session());
        this.numbered = columns.key() == null;
        this.columns = numbered ? new TableColumns(RowSampler.ROW_NUMBER, columns.keep(), columns.features()) : columns;
        this.model = model;
        this.config = config;
        this.sampler = new RowSampler(config, model);
    }

    TableInspection inspect(Map<String, String> paths) {
        Map<String, List<FeatureColumn>> byPath = SourceTables.byPath(paths, columns.features(), misfits);
        SourceTables opened = SourceTables.open(settings, found, byPath, columns.carried(), misfits);
        List<Table> tables = tables(opened);
        opened.fit(settings);
        List<SourceTable> sources = opened.all();
        if (numbered) {
            sources = sources.stream().map(RowSampler::withRowNumber).toList();
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
            boolean mayLack = mayLack(modality.feature());
            misfit(mayLack ? 0 : counted.empty(), Reason.MISSING_MODALITY, table + "an id " + ids + ", got null in ");
            misfit(
                    mayLack ? 0 : counted.missing(),
                    Reason.MISSING_MODALITY,
                    table + "every id " + ids + ", got one that is missing in ");
            misfit(
                    counted.ambiguous(),
                    Reason.DUPLICATE_ID,
                    table + "every id " + ids + " once, got one that occurs more than once in ");
        }
        return inspection(sources, tables(sources), byModality);
    }

    private static List<Table> tables(SourceTables sources) {
        return sources.all().stream()
                .map(source -> new Table(source.name(), source.rows().rows(), source.schema()))
                .toList();
    }

    private void misfit(long pairs, Reason reason, String message) {
        if (pairs > 0 && endsRun(reason)) {
            misfits.add(message + Numbers.plain(pairs, "pair"));
        }
    }

    /** Whether a fusion would end at a row that is bad for this reason. */
    private boolean endsRun(Reason reason) {
        return !config.policy().quarantines(reason);
    }

    /** Whether a fusion would fuse a row that lacks this modality from the others. */
    private boolean mayLack(FeatureColumn feature) {
        int m = columns.features().indexOf(feature);
        return config.policy().fusesRest()
                && !model.firstTokenModalities(config.emits(Emitted.POOLED)).contains(m)
                && !model.streamsWithoutLearnedTokens().contains(List.of(m));
    }

    private void checkRows(List<Table> tables) {
        boolean refused = endsRun(Reason.MISSING_MODALITY)
                && endsRun(Reason.DUPLICATE_KEY)
                && !config.policy().fusesRest();
        if (refused && tables.stream().mapToLong(Table::rows).distinct().count() > 1) {
            misfits.add("tables: expected the same keys and so the same number of rows in each, got "
                    + tables.stream()
                            .map(table -> table.rows() + " in '" + table.path() + "'")
                            .collect(Collectors.joining(", ")));
        }
    }

    /** Samples each modality of a table separately, so that a fault in one does not hide a fault in another. */
    private void sample(SourceTable source, String key) {
        int[] rowTokens = null;
        boolean whole = source.features().size() == columns.features().size();
        for (FeatureColumn feature : source.features()) {
            Optional<List<SampledRow>> found = sampler.sample(source, key, feature);
            if (found.isEmpty()) {
                whole = false;
                continue;
            }
            List<SampledRow> sample = mayLack(feature)
                    ? found.get().stream().map(SampledRow::nullAsNoTokens).toList()
                    : found.get();
            checkRejected(sample);
            checkPositions(feature, sample);
            int[] counts = sample.stream()
                    .mapToInt(row -> row.rejected() == null ? row.tokens() : -1)
                    .toArray();
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
            if (whole) {
                checkPresent(source, rowTokens);
            }
            checkBudget(source, rowTokens, whole);
        }
    }

    /** One line for each kind of fault, with the first row that has it. */
    private void checkRejected(List<SampledRow> sample) {
        Map<Reason, List<SampledRow>> byReason = sample.stream()
                .filter(row -> row.rejected() != null && endsRun(row.rejected()))
                .collect(Collectors.groupingBy(
                        SampledRow::rejected, () -> new EnumMap<>(Reason.class), Collectors.toList()));
        byReason.values()
                .forEach(rows -> misfits.add(rows.get(0).message() + "; so in " + share(rows.size(), sample.size())));
    }

    private void checkPositions(FeatureColumn feature, List<SampledRow> sample) {
        int limit = feature.modality().maxPositions();
        long beyond = sample.stream().filter(row -> row.positions() > limit).count();
        if (beyond > 0 && endsRun(Reason.TOO_LONG)) {
            int longest = sample.stream().mapToInt(SampledRow::positions).max().orElseThrow();
            String expected = model.takesVectors()
                    ? "1 token (the model takes one vector per modality)"
                    : "at most " + limit + " tokens (position table of '"
                            + feature.modality().name() + "')";
            misfits.add("column '" + feature.column() + "': expected " + expected + ", got up to " + longest + " in "
                    + share(beyond, sample.size()) + (model.takesVectors() ? "" : "; --truncate cuts them"));
        }
    }

    /** Checks that each row that is not rejected has a modality. */
    private void checkPresent(SourceTable source, int[] rowTokens) {
        long empty = Arrays.stream(rowTokens).filter(tokens -> tokens == 0).count();
        if (empty > 0 && endsRun(Reason.MISSING_MODALITY)) {
            misfits.add("table '" + source.name() + "': expected a modality in every row, got none in "
                    + share(empty, rowTokens.length));
        }
    }

    /**
     * Checks that the rows fit the token budget, together with the model's own tokens and one token of each other modality.
     *
     * @param whole whether {@code rowTokens} includes every modality
     */
    private void checkBudget(SourceTable source, int[] rowTokens, boolean whole) {
        int elsewhere = config.policy().fusesRest()
                ? 0
                : columns.features().size() - source.features().size();
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
        int maxTokens = config.maxTokens();
        long beyond = Arrays.stream(totals).filter(tokens -> tokens > maxTokens).count();
        if (beyond > 0 && endsRun(Reason.TOO_LONG)) {
            int longest = Arrays.stream(totals).max().orElseThrow();
            misfits.add("table '" + source.name() + "': expected rows of at most " + maxTokens
                    + " tokens (--max-tokens), got up to " + longest + " in " + share(beyond, totals.length)
                    + (whole ? "; --max-tokens " + longest + " would do" : ""));
        }
    }

    /** The sums of two counts, row by row; -1 for a row that is rejected in either. */
    private static int[] sum(int[] one, int[] other) {
        int[] sums = new int[one.length];
        Arrays.setAll(sums, row -> one[row] < 0 || other[row] < 0 ? -1 : one[row] + other[row]);
        return sums;
    }

    private static String share(long rows, int sampled) {
        return rows + " of the first " + Numbers.plain(sampled, "row");
    }
}
