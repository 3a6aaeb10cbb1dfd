package dev.braid.job;

import dev.braid.spark.Manifest;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What a run did, printed at its end.
 *
 * @param manifest of the table
 * @param rows that this run fused; it took the others from an earlier run, which was stopped
 * @param tokens of these rows
 * @param multiplyAdds of their matrix products; a GFLOP is 10^9 multiplications or additions, two per multiply-add
 * @param elapsed from a Spark session that has started to the output published
 */
record RunReport(Manifest manifest, long rows, long tokens, long multiplyAdds, Duration elapsed, String output) {

    /** One line per figure, aligned. Rows resumed, truncated or set aside are omitted if there are none. */
    @Override
    public String toString() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        TextTable report = TextTable.plain()
                .add("verified", manifest.verified())
                .add("rows", format("%,d", manifest.rows()))
                .add("tokens", format("%,d", manifest.tokens()));
        if (rows < manifest.rows()) {
            report.add(
                    "resumed",
                    rows(manifest.rows() - rows) + (manifest.rows() - rows == 1 ? " was" : " were")
                            + " finished before");
        }
        if (manifest.truncated() > 0) {
            report.add("truncated", rows(manifest.truncated()));
        }
        if (manifest.quarantinedRows() > 0) {
            report.add(
                    "quarantined",
                    rows(manifest.quarantinedRows())
                            + manifest.quarantined().entrySet().stream()
                                    .map(reason -> reason.getKey() + " " + format("%,d", reason.getValue()))
                                    .collect(Collectors.joining(", ", " (", ")")));
        }
        return report.add("fingerprint", manifest.fingerprint())
                .add("seconds", format("%,.1f", seconds))
                .add("tokens/s", format("%,.0f", tokens / seconds))
                .add("GFLOP/s", format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9))
                .add("output", SafeText.message(output))
                .toString();
    }

    /** So many rows. */
    static String rows(long number) {
        return format("%,d", number) + (number == 1 ? " row" : " rows");
    }

    private static String format(String pattern, Object figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
