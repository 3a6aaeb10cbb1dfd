package dev.braid.bench.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The tables of all parts but the encoder's. */
final class SmallTables {
    private SmallTables() {}

    /** GFLOP/s of single matrix products, a line each. */
    static String kernels(List<Measurement> measurements) {
        Set<String> contenders = distinct(measurements);
        MarkdownTable table =
                new MarkdownTable(header(List.of("product"), contenders, "Braid / " + Measurement.MATMUL));
        byShape(measurements).forEach((product, measured) -> {
            List<String> cells = new ArrayList<>(List.of(product));
            contenders.forEach(contender -> cells.add(
                    measured.containsKey(contender)
                            ? Spread.of(measured.get(contender).flopRates())
                                    .times(1e-9)
                                    .toString()
                            : ""));
            cells.add(Spread.ofRatios(
                            measured.get(Measurement.BRAID).flopRates(),
                            measured.get(Measurement.MATMUL).flopRates())
                    .toString());
            table.add(cells);
        });
        return table.toString();
    }

    /** Rows per second of one slot and of two, and their ratio. */
    static String slots(List<Measurement> measurements) {
        MarkdownTable table = new MarkdownTable(
                List.of("shape", "text", "contender", "one slot, rows/s", "two slots, rows/s", "ratio"));
        for (Measurement one : measurements) {
            measurements.stream()
                    .filter(two -> one.form().equals(Measurement.ONE_SLOT)
                            && two.form().equals(Measurement.TWO_SLOTS)
                            && two.shape().equals(one.shape())
                            && two.text().equals(one.text())
                            && two.contender().equals(one.contender()))
                    .forEach(two -> table.add(List.of(
                            one.shape(),
                            one.text(),
                            one.contender(),
                            Spread.of(one.rowRates()).toString(),
                            Spread.of(two.rowRates()).toString(),
                            Spread.ofRatios(two.rowRates(), one.rowRates()).toString())));
        }
        return table.toString();
    }

    /** Braid's time per real token. */
    static String lengths(List<Measurement> measurements) {
        MarkdownTable table = new MarkdownTable(
                List.of("shape", "mean / longest", "tokens of a row", "µs per token", "next to all of one length"));
        for (Measurement measured : measurements) {
            Measurement dense = measurements.get(measurements.size() - 1);
            table.add(List.of(
                    measured.shape(),
                    measured.text(),
                    String.valueOf(Math.round((double) measured.tokens() / measured.rows())),
                    Spread.of(perToken(measured)).times(1e6).toString(),
                    Spread.ofRatios(perToken(measured), perToken(dense)).toString()));
        }
        return table.toString();
    }

    private static List<Double> perToken(Measurement measured) {
        return measured.seconds().stream()
                .map(seconds -> seconds / measured.tokens())
                .toList();
    }

    /**
     * Rows per second from table to table, a line per kind of column and length of texts; how many times each rival's rate
     * Braid reaches; and Braid's share of what its encoder alone reaches in two slots on rows of the same lengths.
     *
     * @param slots the measurements of {@link Part#SLOTS}, or none
     */
    static String endToEnd(List<Measurement> measurements, List<Measurement> slots) {
        Set<String> contenders = distinct(measurements);
        List<String> header = new ArrayList<>(List.of("columns", "text"));
        header.addAll(contenders);
        contenders.stream()
                .filter(name -> !name.equals(Measurement.BRAID))
                .forEach(name -> header.add("Braid / " + name));
        header.add("of encoder alone");
        MarkdownTable table = new MarkdownTable(header);
        Map<List<String>, Map<String, Measurement>> lines = new LinkedHashMap<>();
        for (Measurement measured : measurements) {
            lines.computeIfAbsent(List.of(measured.form(), measured.text()), key -> new LinkedHashMap<>())
                    .put(measured.contender(), measured);
        }
        lines.forEach((line, measured) -> {
            Measurement braid = measured.get(Measurement.BRAID);
            List<String> cells = new ArrayList<>(line);
            contenders.forEach(contender -> cells.add(rows(measured.get(contender))));
            contenders.stream()
                    .filter(name -> !name.equals(Measurement.BRAID))
                    .forEach(name -> cells.add(ratio(braid, measured.get(name))));
            cells.add(shareOfEncoder(braid, slots));
            table.add(cells);
        });
        return table.toString();
    }

    private static String rows(Measurement measured) {
        return measured == null ? "" : Spread.of(measured.rowRates()).toString();
    }

    private static String ratio(Measurement measured, Measurement other) {
        return measured == null || other == null
                ? ""
                : Spread.ofRatios(measured.rowRates(), other.rowRates()).toString();
    }

    private static String shareOfEncoder(Measurement braid, List<Measurement> slots) {
        return slots.stream()
                .filter(alone -> braid != null
                        && alone.contender().equals(Measurement.BRAID)
                        && alone.form().equals(Measurement.TWO_SLOTS)
                        && alone.shape().equals(braid.shape())
                        && alone.text().equals(braid.text()))
                .findFirst()
                .map(alone -> Math.round(100
                                * Spread.of(braid.rowRates()).median()
                                / Spread.of(alone.rowRates()).median())
                        + " %")
                .orElse("");
    }

    /** Braid's whole job in one task slot and in two. */
    static String jobSlots(List<Results.JobSlots> slots) {
        MarkdownTable table = new MarkdownTable(List.of("task slots", "rows/s"));
        slots.forEach(measured -> table.add(List.of(
                String.valueOf(measured.slots()),
                Spread.of(measured.seconds().stream()
                                .map(seconds -> measured.rows() / seconds)
                                .toList())
                        .toString())));
        return table.toString();
    }

    /** What a run and a task cost beside their rows. */
    static String start(List<Results.Start> start) {
        MarkdownTable table = new MarkdownTable(List.of("start", "it takes"));
        for (Results.Start measured : start) {
            table.add(List.of(
                    "the demo's fusion, from `jobs/fuse.sh` to its end, s",
                    Spread.of(measured.demoSeconds()).toString()));
            table.add(List.of(
                    "a task of " + measured.taskRows() + " rows, beyond its rows, ms",
                    Spread.of(measured.taskSeconds()).times(1e3).toString()));
        }
        return table.toString();
    }

    /** The memory of Braid's process over few rows and over many. */
    static String memory(List<Results.PeakMemory> memory) {
        MarkdownTable table = new MarkdownTable(List.of("rows", "most memory of a job in one task slot, MiB"));
        memory.forEach(measured -> table.add(List.of(
                String.format(Locale.ROOT, "%,d", measured.rows()), String.valueOf(measured.peakBytes() >> 20))));
        return table.toString();
    }

    /** Braid's time and PyArrow's for the same rows, and how many times PyArrow's Braid takes. */
    static String ends(List<Results.End> ends) {
        MarkdownTable table = new MarkdownTable(List.of(
                "end",
                "values",
                "Braid, µs per row",
                "PyArrow, µs per row",
                "Braid, ns per number",
                "Braid / PyArrow"));
        ends.forEach(end -> table.add(List.of(
                end.end(),
                end.form(),
                Spread.of(end.braidSeconds()).times(1e6 / end.rows()).toString(),
                Spread.of(end.pyarrowSeconds()).times(1e6 / end.rows()).toString(),
                Spread.of(end.braidSeconds()).times(1e9 / end.numbers()).toString(),
                Spread.ofRatios(end.braidSeconds(), end.pyarrowSeconds()).toString())));
        return table.toString();
    }

    private static Set<String> distinct(List<Measurement> measurements) {
        return measurements.stream().map(Measurement::contender).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private static List<String> header(List<String> first, Set<String> contenders, String last) {
        List<String> header = new ArrayList<>(first);
        header.addAll(contenders);
        header.add(last);
        return header;
    }

    private static Map<String, Map<String, Measurement>> byShape(List<Measurement> measurements) {
        Map<String, Map<String, Measurement>> byShape = new LinkedHashMap<>();
        for (Measurement measured : measurements) {
            byShape.computeIfAbsent(measured.shape(), key -> new LinkedHashMap<>())
                    .put(measured.contender(), measured);
        }
        return byShape;
    }
}
