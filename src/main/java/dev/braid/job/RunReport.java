package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.publish.Manifest;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a run did, printed at its end.
 *
 * @param manifest of the table
 * @param resumed rows of the table that an earlier, stopped run had fused
 * @param tokens that this run fused
 * @param multiplyAdds of their matrix products; a GFLOP is 10^9 multiplications or additions, two per multiply-add
 * @param elapsed from when the Spark session is ready until the output is published
 */
record RunReport(Manifest manifest, long resumed, long tokens, long multiplyAdds, Duration elapsed, String output) {

    /** One aligned line per figure. Rows resumed, truncated, set aside, left or in no pair are omitted if there are none. */
    @Override
    public String toString() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        TextTable report = TextTable.plain()
                .add("verified", manifest.verified())
                .add("rows", rows())
                .add("tokens", Numbers.count(manifest.update() == null ? ownTokens() : tokens));
        if (resumed > 0) {
            report.add(
                    "resumed", Numbers.count(resumed, "row") + (resumed == 1 ? " was" : " were") + " finished before");
        }
        if (manifest.truncated() > 0) {
            report.add("truncated", Numbers.count(manifest.truncated(), "row"));
        }
        if (manifest.quarantinedRows() > 0) {
            report.add(
                    "quarantined",
                    Numbers.count(manifest.quarantinedRows(), "row")
                            + manifest.quarantined().entrySet().stream()
                                    .map(reason -> reason.getKey() + " " + Numbers.count(reason.getValue()))
                                    .collect(Collectors.joining(", ", " (", ")")));
        }
        if (manifest.unreferenced() != null) {
            Map<String, Long> unreferenced = new TreeMap<>(manifest.unreferenced());
            unreferenced.values().removeIf(rows -> rows == 0);
            unreferenced.forEach((modality, rows) -> report.add(
                    "unreferenced",
                    Numbers.count(rows, "row") + " of '" + modality + "' " + (rows == 1 ? "is" : "are")
                            + " in no pair"));
        }
        Manifest.Update update = manifest.update();
        if (update != null && update.left() > 0) {
            report.add("left", left(update.left()));
        }
        return report.add("fingerprint", manifest.fingerprint())
                .add("seconds", format("%,.1f", seconds))
                .add("tokens/s", format("%,.0f", tokens / seconds))
                .add("GFLOP/s", format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9))
                .add("output", SafeText.message(output))
                .toString();
    }

    /** Figures by their JSON names: counts of the table, and rates of this run. */
    Map<String, Object> figures() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("run", manifest.run());
        figures.put("verified", manifest.verified());
        figures.put("rows", manifest.rows());
        figures.put("tokens", manifest.tokens());
        figures.put("resumed", resumed);
        figures.put("truncated", manifest.truncated());
        figures.put("quarantined", manifest.quarantined());
        if (manifest.unreferenced() != null) {
            figures.put("unreferenced", manifest.unreferenced());
        }
        figures.put("fingerprint", manifest.fingerprint());
        figures.put("seconds", rounded(seconds));
        figures.put("tokensPerSecond", rounded(tokens / seconds));
        figures.put("gflopPerSecond", rounded(2.0 * multiplyAdds / seconds / 1e9));
        figures.put("output", SafeText.message(output));
        return figures;
    }

    private static double rounded(double figure) {
        return Math.round(figure * 1000) / 1000.0;
    }

    private String rows() {
        Manifest.Update update = manifest.update();
        if (update == null && manifest.earlier() != null) {
            return partitions();
        }
        if (update == null) {
            return Numbers.count(manifest.rows());
        }
        return format("%,d new", manifest.rows() - update.kept() - replaced(update))
                + format(", %,d kept", update.kept())
                + (update.changed() > 0 ? format(", %,d changed", replaced(update)) : "")
                + (update.removed() > 0 ? format(", %,d removed", update.removed()) : "");
    }

    private String partitions() {
        long rows = manifest.own().stream().mapToLong(Shard::rows).sum();
        long partitions = manifest.own().stream()
                .map(Shard::file)
                .filter(file -> file != null)
                .map(Partitioning::of)
                .distinct()
                .count();
        return format("%,d in ", rows)
                + Numbers.count(partitions, "partition")
                + (manifest.earlier().isEmpty() ? "" : format(", %,d in the table", manifest.rows()));
    }

    /** Rows that were fused again and are in the table; other changed rows may have been set aside. */
    private long replaced(Manifest.Update update) {
        return Math.min(update.changed(), manifest.rows() - update.kept());
    }

    /** Text for rows of the table whose key is no longer in the input. */
    static String left(long rows) {
        return Numbers.count(rows, "row") + " of the table " + (rows == 1 ? "is" : "are")
                + " not in the input any more, --prune removes them";
    }

    private long ownTokens() {
        return manifest.own().stream().mapToLong(Shard::tokens).sum();
    }

    private static String format(String pattern, Object figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
