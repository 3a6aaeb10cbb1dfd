package dev.braid.job;

import java.time.Duration;
import java.util.Locale;

/**
 * What a run did, printed at its end.
 *
 * @param multiplyAdds of the model's matrix products; a GFLOP is 10^9 multiplications or additions, two per multiply-add
 * @param elapsed from the first row read to the output published
 */
record RunReport(long rows, long tokens, long multiplyAdds, Duration elapsed, String output) {

    /** One line per figure, aligned. */
    @Override
    public String toString() {
        double seconds = Math.max(elapsed.toNanos() / 1e9, 1e-9);
        return String.format(
                Locale.ROOT, """
                rows      %,d
                tokens    %,d
                seconds   %,.1f
                tokens/s  %,.0f
                GFLOP/s   %,.1f
                output    %s""", rows, tokens, seconds, tokens / seconds, 2.0 * multiplyAdds / seconds / 1e9, output);
    }
}
