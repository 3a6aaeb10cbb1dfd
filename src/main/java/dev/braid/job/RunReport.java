package dev.braid.job;

import dev.braid.spark.Manifest;
import java.time.Duration;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What a run did, printed at its end.
 *
 * @param manifest of the table
 * @param multiplyAdds of the model's matrix products; a GFLOP is 10^9 multiplications or additions, two per multiply-add
 * @param elapsed from a Spark session that has started to the output published
 */
record RunReport(Manifest manifest, long multiplyAdds, Duration elapsed, String output) {

    /** One line per figure, aligned; what was not truncated goes without saying. */
    @Override
    public String toString() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        TextTable report = TextTable.plain()
                .add("verified", manifest.verified())
                .add("rows", format("%,d", manifest.rows()))
                .add("tokens", format("%,d", manifest.tokens()));
        if (manifest.truncated() > 0) {
            report.add("truncated", format("%,d rows", manifest.truncated()));
        }
        if (manifest.quarantinedRows() > 0) {
            report.add(
                    "quarantined",
                    format("%,d rows", manifest.quarantinedRows())
                            + manifest.quarantined().entrySet().stream()
                                    .map(reason -> reason.getKey() + " " + format("%,d", reason.getValue()))
                                    .collect(Collectors.joining(", ", " (", ")")));
        }
        return report.add("fingerprint", manifest.fingerprint())
                .add("seconds", format("%,.1f", seconds))
                .add("tokens/s", format("%,.0f", manifest.tokens() / seconds))
                .add("GFLOP/s", format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9))
                .add("output", SafeText.message(output))
                .toString();
    }

    private static String format(String pattern, Object figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
