package dev.braid.report;

import dev.braid.Numbers;
import dev.braid.plan.JvmSettings;
import dev.braid.plan.MemoryPlan;
import dev.braid.progress.Exchanges.Exchange;
import dev.braid.progress.MemoryPeak;
import dev.braid.progress.StageCost;
import dev.braid.report.RunFacts.Work;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

/** The sections about the work: throughput over time, time per stage, exchanges between tasks, and memory. */
final class WorkSections {
    private static final int MOST_JVMS = 20;

    private final RunFacts facts;
    private final Work work;

    WorkSections(RunFacts facts) {
        this.facts = facts;
        this.work = facts.work();
    }

    /** The sentence that stands in for a chart if the run fused no row. */
    static String nothing(Work work) {
        return work.finishedRows() > 0
                ? "This run fused no row itself: an earlier run, which was stopped, had fused all "
                        + Numbers.count(work.finishedRows()) + "."
                : "This run fused no row.";
    }

    /**
     * @param seconds the duration of the run
     * @param begun seconds until the first task began
     * @param ended seconds until the last row was fused
     * @param last what the run did after that
     */
    record Series(double seconds, double begun, double ended, String last, List<Throughput.Bin> bins) {}

    void throughput(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("throughput", "Throughput");
        if (work.figures().lengths().rows() == 0) {
            section.note(nothing(work));
            return;
        }
        boolean isPublished = facts.manifest().isPresent();
        double seconds = facts.seconds();
        Throughput throughput = new Throughput(work.figures().spans(), facts.started(), seconds);
        double fusing = throughput.ended() - throughput.begun();
        section.paragraph("Tokens per second over the run. The tokens of a task are spread evenly over its time. "
                        + Numbers.count(work.figures().spans().size(), "task") + " fused for "
                        + Format.duration(Duration.ofMillis(Math.round(1000 * fusing))) + ", at "
                        + Numbers.count(Math.round(work.tokens() / Math.max(fusing, 1e-3)))
                        + " tokens/s; before, the run read footers and keys and checked the model"
                        + (isPublished ? ", and after, it audited and published the table." : "; then it failed."))
                .chart(
                        "throughput",
                        "Tokens per second over the " + Format.duration(facts.elapsed()) + " of the run",
                        new Series(
                                seconds,
                                throughput.begun(),
                                throughput.ended(),
                                isPublished ? "publishing" : "failing",
                                throughput.bins()))
                .numbers(
                        "Numbers",
                        List.of("Seconds", "Tokens/s", "Rows/s", "Tasks at once"),
                        throughput.bins().stream()
                                .map(bin -> List.of(
                                        Format.decimal(bin.from()) + " – " + Format.decimal(bin.to()),
                                        Numbers.count(Math.round(bin.tokens())),
                                        Format.decimal(bin.rows()),
                                        Format.decimal(bin.tasks())))
                                .toList());
    }

    /** @param share of all seconds, 0 to 1 */
    record Cost(String name, double seconds, double share, Double gflops) {}

    void stages(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("stages", "Stages");
        long all = work.stages().stream().mapToLong(StageCost::nanos).sum();
        if (all == 0) {
            section.note(nothing(work));
            return;
        }
        List<Cost> costs = work.stages().stream()
                .map(stage -> new Cost(
                        stage.stage().label(),
                        stage.nanos() / 1e9,
                        (double) stage.nanos() / all,
                        stage.multiplyAdds() == 0 || stage.nanos() == 0
                                ? null
                                : 2.0 * stage.multiplyAdds() / stage.nanos()))
                .toList();
        List<List<String>> rows = new ArrayList<>();
        for (Cost cost : costs) {
            rows.add(row(cost.name(), cost.seconds(), cost.share(), cost.gflops()));
        }
        rows.add(row("total", all / 1e9, 1, work.multiplyAdds() == 0 ? null : 2.0 * work.multiplyAdds() / all));
        section.paragraph(
                        "Where the time of the fusing tasks went, from their start to their closed files, over all threads"
                                + " that fuse: " + Format.duration(Duration.ofNanos(all))
                                + ". Stages with matrix products are blue.")
                .chart("stages", "Seconds of all threads in each stage", costs)
                .numbers("Numbers", List.of("Stage", "Seconds", "Share", "GFLOP/s of one thread"), rows);
    }

    private static List<String> row(String name, double seconds, double share, Double gflops) {
        return List.of(
                name, Format.decimal(seconds), Format.percent(share), gflops == null ? "" : Format.decimal(gflops));
    }

    void exchanges(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("exchanges", "Exchanges");
        List<Exchange> all = work.exchanges();
        if (all.isEmpty()) {
            section.note("Nothing moved between tasks: each fused the rows that it read.");
            return;
        }
        List<List<String>> rows = new ArrayList<>();
        all.forEach(each -> rows.add(exchange(each.step(), each.rows(), each.bytes())));
        rows.add(exchange(
                "total",
                all.stream().mapToLong(Exchange::rows).sum(),
                all.stream().mapToLong(Exchange::bytes).sum()));
        section.paragraph(
                        "What moved between tasks, in the order of time: rows, and bytes as Spark wrote them, compressed.")
                .table(List.of("Step", "Rows", "Bytes"), rows);
    }

    private static List<String> exchange(String step, long rows, long bytes) {
        return List.of(step, Numbers.count(rows), Numbers.count(bytes));
    }

    /**
     * A kind of memory, in bytes; null if unknown.
     *
     * @param needed according to the estimate
     * @param given by the settings or the machine
     * @param peak the largest use of a JVM
     */
    record Kind(String name, Long needed, Long given, Long peak) {}

    void memory(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("memory", "Memory");
        MemoryPlan plan = facts.memory();
        JvmSettings jvm = plan.jvm();
        Map<String, MemoryPeak> peaks = work.figures().peaks();
        Long heap = most(peaks, Comparator.comparing(MemoryPeak::heap), MemoryPeak::heap);
        Long resident = most(peaks, Comparator.comparing(MemoryPeak::resident), MemoryPeak::resident);
        List<Kind> kinds = List.of(
                new Kind("Java heap", plan.heapBytes(), jvm.heap(), heap),
                new Kind(
                        "whole process",
                        plan.heapBytes() + plan.outsideBytes(),
                        jvm.limit() == Long.MAX_VALUE ? null : jvm.limit(),
                        resident));
        section.paragraph("Of " + (jvm.isLocal() ? "this JVM" : "an executor") + " with "
                        + Numbers.count(jvm.slots(), "task slot")
                        + ": the need as estimated before the run (high rather than low), what is available, and the"
                        + " peak. The peak of a heap includes garbage: a JVM with free memory collects late.")
                .chart("memory", "Memory needed, given and taken, of the Java heap and of the whole process", kinds)
                .table(
                        List.of("", "Needed (estimate)", "Given", "Peak"),
                        kinds.stream()
                                .map(kind -> List.of(
                                        kind.name(), text(kind.needed()), text(kind.given()), text(kind.peak())))
                                .toList());
        List<List<String>> parts = new ArrayList<>();
        plan.heap().forEach(part -> parts.add(part("heap", part)));
        plan.outside().forEach(part -> parts.add(part("outside", part)));
        section.numbers("The estimate, part by part", List.of("Part", "Where", "Each", "Times", "In all"), parts);
        if (peaks.size() > 1) {
            section.numbers(
                    peaks.size() > MOST_JVMS
                            ? "The " + MOST_JVMS + " largest of " + Numbers.count(peaks.size()) + " executors"
                            : "Executor by executor",
                    List.of("Executor", "Peak heap", "Peak process"),
                    peaks.entrySet().stream()
                            .sorted(Comparator.comparing(
                                    each -> -each.getValue().resident()))
                            .limit(MOST_JVMS)
                            .map(each -> List.of(
                                    each.getKey(),
                                    text(each.getValue().heap()),
                                    text(each.getValue().resident())))
                            .toList());
        }
    }

    private static List<String> part(String where, MemoryPlan.Part part) {
        return List.of(
                part.name(),
                where,
                Numbers.bytes(part.each()),
                String.valueOf(part.times()),
                Numbers.bytes(part.bytes()));
    }

    private static Long most(
            Map<String, MemoryPeak> peaks, Comparator<MemoryPeak> order, Function<MemoryPeak, Long> of) {
        return peaks.values().stream()
                .max(order)
                .map(of)
                .filter(bytes -> bytes > 0)
                .orElse(null);
    }

    private static String text(Long bytes) {
        return bytes == null || bytes == 0 ? "unknown" : Numbers.bytes(bytes);
    }
}
