package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.plan.Memory;
import dev.braid.plan.MemoryPlan;
import dev.braid.plan.MemoryPlan.Part;
import dev.braid.plan.TableInspection;
import dev.braid.tables.TableLoad;
import java.util.List;
import java.util.Locale;

/** Text of a plan: the tables as sampled, the memory that a JVM needs part by part, and settings that provide it. */
record MemoryReport(TableLoad load, TableInspection sample, ModelConfig model, MemoryPlan plan) {

    @Override
    public String toString() {
        boolean local = plan.jvm().isLocal();
        return String.join(
                "\n\n",
                tables().toString(),
                parts(local ? "heap of this JVM" : "heap of an executor", plan.heap(), plan.heapBytes()),
                parts("outside the heap", plan.outside(), plan.outsideBytes()),
                settings());
    }

    private TextTable tables() {
        TextTable tables = TextTable.plain()
                .add("rows", Numbers.count(load.rows()))
                .add(
                        "input",
                        String.format(
                                Locale.ROOT,
                                "%s in %s row groups of up to %s; rows of up to %s once decoded",
                                Numbers.bytes(load.bytes()),
                                Numbers.count(load.groups()),
                                Numbers.bytes(load.largestGroup()),
                                Numbers.bytes(load.largestRow())));
        if (sample.meanTokens(model) > 0) {
            tables.add(
                    "tokens",
                    String.format(
                            Locale.ROOT,
                            "%,.1f a row, %,d to %,d (sampled: the first %,d rows)",
                            sample.meanTokens(model),
                            sample.shortestRow(model),
                            sample.longestRow(model),
                            sample.tokens().values().stream()
                                    .mapToInt(List::size)
                                    .max()
                                    .orElse(0)));
        }
        return tables.add(
                "task slots", plan.jvm().slots() + (plan.jvm().isLocal() ? " in this JVM" : " in an executor"));
    }

    private static String parts(String title, List<Part> parts, long needed) {
        TextTable table = TextTable.headed(title, "MiB each", "times", "MiB");
        for (Part part : parts) {
            table.add(part.name(), mebibytes(part.each()), Integer.toString(part.times()), mebibytes(part.bytes()));
        }
        long free = needed - parts.stream().mapToLong(Part::bytes).sum();
        if (free > 0) {
            table.add("free for the collector", "", "", mebibytes(free));
        }
        return table.add("needed", "", "", mebibytes(needed)).toString();
    }

    private static String mebibytes(long bytes) {
        return Numbers.count((bytes + (1 << 20) - 1) >> 20);
    }

    private String settings() {
        String heap = Memory.setting(plan.heapSetting());
        if (plan.jvm().isLocal()) {
            return "These settings work: --driver-memory " + heap + " on a machine with "
                    + Numbers.bytes(plan.heapSetting() + plan.outsideBytes());
        }
        return "These settings work: --executor-cores " + plan.jvm().cores() + " --executor-memory " + heap
                + " --conf spark.executor.memoryOverhead=" + Memory.setting(plan.overheadSetting())
                + " --driver-memory " + Memory.setting(plan.driverHeapSetting());
    }
}
