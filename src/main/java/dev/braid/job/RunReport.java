package dev.braid.job;

import java.time.Duration;
import java.util.Locale;

/**
 * What a run did, printed at its end.
 *
 * @param truncated rows of which a sequence was cut
 * @param multiplyAdds of the model's matrix products; a GFLOP is 10^9 multiplications or additions, two per multiply-add
 * @param fingerprint of the output's rows: see {@link dev.braid.spark.FusionProgress#fingerprint}
 * @param elapsed from a Spark session that has started to the output published
 * @param verified what the check against PyTorch's numbers gave
 */
record RunReport(
        long rows,
        long tokens,
        long truncated,
        long multiplyAdds,
        long fingerprint,
        Duration elapsed,
        String verified,
        String output) {

    /** One line per figure, aligned; what was not truncated goes without saying. */
    @Override
    public String toString() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        TextTable report = TextTable.plain()
                .add("verified", verified)
                .add("rows", format("%,d", rows))
                .add("tokens", format("%,d", tokens));
        if (truncated > 0) {
            report.add("truncated", format("%,d rows", truncated));
        }
        return report.add("fingerprint", format("%016x", fingerprint))
                .add("seconds", format("%,.1f", seconds))
                .add("tokens/s", format("%,.0f", tokens / seconds))
                .add("GFLOP/s", format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9))
                .add("output", SafeText.message(output))
                .toString();
    }

    private static String format(String pattern, Object figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
