package dev.braid.report;

import dev.braid.Numbers;
import dev.braid.progress.LengthCounts;
import dev.braid.progress.ShareCounts;
import dev.braid.report.RunFacts.Work;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;

/** The sections about rows: their lengths, the bad rows, and what each modality contributed. */
final class RowSections {
    private static final int MOST_BARS = 32;

    /**
     * If the longest row has more than this many times the median tokens of a modality, the bars cover unequal lengths: equal
     * ones would show a single high bar.
     */
    private static final int SKEWED = 40;

    private static final String LENGTH = "A row's length is the number of tokens that the model computes for it.";

    private final RunFacts facts;
    private final Work work;

    RowSections(RunFacts facts) {
        this.facts = facts;
        this.work = facts.work();
    }

    /** One distribution of lengths. {@code bars} cover the same lengths in each distribution. */
    record Lengths(String name, int median, int most, int longest, List<LengthCounts.Bucket> bars) {}

    void lengths(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("lengths", "Token lengths");
        LengthCounts all = work.figures().lengths();
        if (all.rows() == 0) {
            section.note(WorkSections.nothing(work));
            return;
        }
        section.paragraph(LENGTH + " The median row has " + Numbers.count(all.quantile(0.5), "token")
                + ", and the longest one " + Numbers.count(all.longest()) + "." + others());
        List<Lengths> lengths = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        int first = all.shortest();
        Map<String, LengthCounts> modalities = modalities();
        for (LengthCounts each : modalities.values()) {
            first = Math.min(first, each.shortest());
        }
        boolean isSkewed = modalities.values().stream()
                .anyMatch(each -> all.longest() > (long) SKEWED * Math.max(1, each.quantile(0.5)));
        Map<String, LengthCounts> shown = new LinkedHashMap<>();
        shown.put("row", all);
        if (modalities.size() > 1 || work.figures().groups().size() > modalities.size()) {
            shown.putAll(modalities);
        }
        for (Map.Entry<String, LengthCounts> each : shown.entrySet()) {
            LengthCounts counts = each.getValue();
            int median = counts.quantile(0.5);
            int most = counts.quantile(0.95);
            List<LengthCounts.Bucket> bars =
                    isSkewed ? merged(counts.buckets(first, all.longest())) : even(counts, first, all.longest());
            lengths.add(new Lengths(each.getKey(), median, most, counts.longest(), bars));
            rows.add(List.of(
                    each.getKey(),
                    Numbers.count(counts.tokens()),
                    Format.decimal((double) counts.tokens() / counts.rows()),
                    Numbers.count(counts.shortest()),
                    Numbers.count(median),
                    Numbers.count(most),
                    Numbers.count(counts.longest())));
        }
        section.chart("lengths", "Histograms of tokens per row, for whole rows and for each modality", lengths)
                .table(List.of("Tokens of a", "Total", "Mean", "Shortest", "Median", "95 % at most", "Longest"), rows);
        List<String> header = new ArrayList<>(List.of("Tokens"));
        lengths.forEach(each -> header.add(each.name()));
        List<List<String>> table = new ArrayList<>();
        for (int bar = 0; bar < lengths.get(0).bars().size(); bar++) {
            LengthCounts.Bucket bucket = lengths.get(0).bars().get(bar);
            List<String> cells = new ArrayList<>();
            cells.add(
                    bucket.from() == bucket.to()
                            ? Numbers.count(bucket.from())
                            : Numbers.count(bucket.from()) + " – " + Numbers.count(bucket.to()));
            for (Lengths each : lengths) {
                cells.add(Numbers.count(each.bars().get(bar).rows()));
            }
            table.add(cells);
        }
        section.numbers("Rows by length", header, table);
    }

    /** A sentence about rows that the figures do not include; empty if there are none. */
    private String others() {
        return work.finishedRows() == 0
                ? ""
                : " These are the rows that this run fused, without the " + Numbers.count(work.finishedRows(), "row")
                        + " that an earlier run had finished.";
    }

    /** Rows per bar, for bars of equal width. */
    private static List<LengthCounts.Bucket> even(LengthCounts counts, int first, int last) {
        int width = (last - first) / MOST_BARS + 1;
        List<LengthCounts.Bucket> bars = new ArrayList<>();
        long before = counts.upTo(first - 1);
        for (int from = first; from <= last; from += width) {
            long found = counts.upTo(from + width - 1);
            bars.add(new LengthCounts.Bucket(from, from + width - 1, found - before));
            before = found;
        }
        return bars;
    }

    /** The same counts in fewer buckets. Which buckets are merged depends only on their number. */
    private static List<LengthCounts.Bucket> merged(List<LengthCounts.Bucket> buckets) {
        int together = (buckets.size() + MOST_BARS - 1) / MOST_BARS;
        List<LengthCounts.Bucket> merged = new ArrayList<>();
        for (int b = 0; b < buckets.size(); b += together) {
            List<LengthCounts.Bucket> part = buckets.subList(b, Math.min(b + together, buckets.size()));
            merged.add(new LengthCounts.Bucket(
                    part.get(0).from(),
                    part.get(part.size() - 1).to(),
                    part.stream().mapToLong(LengthCounts.Bucket::rows).sum()));
        }
        return merged;
    }

    /** The length counts by modality. */
    private Map<String, LengthCounts> modalities() {
        Map<String, LengthCounts> named = new LinkedHashMap<>();
        List<LengthCounts> groups = work.figures().groups();
        for (int g = 0; g < groups.size(); g++) {
            if (facts.groups().get(g).isModality()) {
                named.put(facts.groups().get(g).name(), groups.get(g));
            }
        }
        return named;
    }

    /** The number of bad rows of one reason. */
    record Bad(String name, long rows) {}

    void badRows(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("bad-rows", "Bad rows");
        Map<String, Long> found = facts.quarantined();
        if (facts.manifest().isEmpty()) {
            section.note("Nothing was published, so no row was set aside.");
            return;
        }
        long truncated = facts.manifest().get().truncated();
        String cut = truncated == 0
                ? ""
                : " " + Numbers.count(truncated, "row") + (truncated == 1 ? " was" : " were")
                        + " cut to the model's positions (--truncate).";
        if (found.isEmpty()) {
            section.paragraph("Every row could be fused." + cut);
            return;
        }
        long bad = facts.manifest().get().quarantinedRows();
        long rows = facts.manifest().get().rows();
        section.paragraph(Numbers.count(bad, "row") + (bad == 1 ? " was" : " were") + " set aside, "
                + Format.percent((double) bad / (bad + rows))
                + " of all. Their keys and what was wrong are in the Parquet"
                + " table _quarantine in the output directory." + cut);
        List<Bad> bars = new ArrayList<>();
        List<List<String>> table = new ArrayList<>();
        new TreeMap<>(found)
                .entrySet().stream()
                        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                        .forEach(reason -> {
                            bars.add(new Bad(reason.getKey(), reason.getValue()));
                            table.add(List.of(
                                    reason.getKey(),
                                    Numbers.count(reason.getValue()),
                                    Format.percent((double) reason.getValue() / bad)));
                        });
        section.chart("bad-rows", "Rows set aside, by reason", bars)
                .numbers("Rows by reason", List.of("Reason", "Rows", "Share of bad rows"), table);
    }

    /**
     * What a modality contributed.
     *
     * @param tokens its share of all tokens, 0 to 1
     * @param attention the mean share of attention that it received; null if the run does not write attention
     * @param rows the number of rows by their share of attention, in equal steps from 0 to 1; null if {@code attention} is
     */
    record Contribution(String name, double tokens, Double attention, List<Long> rows) {}

    void modalities(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("modalities", "Contribution of the modalities");
        List<LengthCounts> groups = work.figures().groups();
        List<ShareCounts> attention = work.figures().attention();
        if (groups.isEmpty()) {
            section.note(WorkSections.nothing(work));
            return;
        }
        List<Contribution> contributions = new ArrayList<>();
        List<List<String>> rows = new ArrayList<>();
        for (int g = 0; g < groups.size(); g++) {
            double tokens =
                    (double) groups.get(g).tokens() / work.figures().lengths().tokens();
            ShareCounts shares = attention.isEmpty() ? null : attention.get(g);
            contributions.add(new Contribution(
                    facts.groups().get(g).name(),
                    tokens,
                    shares == null ? null : shares.mean(),
                    shares == null ? null : shares.counts()));
            List<String> cells = new ArrayList<>(List.of(
                    facts.groups().get(g).name(), Numbers.count(groups.get(g).tokens()), Format.percent(tokens)));
            if (shares != null) {
                cells.add(Format.percent(shares.mean()));
            }
            rows.add(cells);
        }
        if (attention.isEmpty()) {
            section.paragraph("How many of all tokens are of each modality.");
            section.chart("modalities", "The share of each modality in all tokens", contributions)
                    .note("How much the model looks at each modality is known if the run writes attention:"
                            + " --emit pooled,attention.")
                    .numbers("Numbers", List.of("Modality", "Tokens", "Share of tokens"), rows);
            return;
        }
        section.paragraph(
                        "The share of each modality in all tokens, and in the attention that a row's tokens received: the"
                                + " mean over rows, layers and heads. If its attention is higher than its share of tokens, the model"
                                + " looks at the modality more often than chance would.")
                .chart(
                        "modalities",
                        "The share of each modality in all tokens and in the attention, and how that differs between rows",
                        contributions)
                .numbers("Numbers", List.of("Modality", "Tokens", "Share of tokens", "Mean share of attention"), rows)
                .numbers("Rows by their share of attention", attentionHeader(), attentionRows(attention));
    }

    private List<String> attentionHeader() {
        List<String> header = new ArrayList<>(List.of("Share of attention"));
        facts.groups().forEach(group -> header.add(group.name()));
        return header;
    }

    private static List<List<String>> attentionRows(List<ShareCounts> attention) {
        List<List<Long>> counts = attention.stream().map(ShareCounts::counts).toList();
        int buckets = counts.get(0).size();
        List<List<String>> rows = new ArrayList<>();
        for (int b = 0; b < buckets; b++) {
            int bucket = b;
            List<String> cells = new ArrayList<>();
            cells.add(100 * b / buckets + " – " + 100 * (b + 1) / buckets + " %");
            counts.forEach(group -> cells.add(Numbers.count(group.get(bucket))));
            if (counts.stream().anyMatch(group -> group.get(bucket) > 0)) {
                rows.add(cells);
            }
        }
        return rows;
    }
}
