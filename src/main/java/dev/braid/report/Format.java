package dev.braid.report;

import dev.braid.Numbers;
import java.time.Duration;
import java.util.Locale;

/** Shares, durations and rounded numbers, for people. */
final class Format {
    private Format() {}

    /** A number in a short form: from ten million on, in millions (M) or billions (B). */
    static String large(long number) {
        return number < 10_000_000
                ? Numbers.count(number)
                : number < 10_000_000_000L ? decimal(number / 1e6) + " M" : decimal(number / 1e9) + " B";
    }

    /** Three digits, or all digits before the decimal point if there are more. */
    static String decimal(double number) {
        return String.format(Locale.ROOT, number >= 100 ? "%,.0f" : number >= 10 ? "%,.1f" : "%,.2f", number);
    }

    static String percent(double share) {
        if (share > 0 && share < 0.0005) {
            return "< 0.1\u202f%";
        }
        return String.format(Locale.ROOT, "%.1f\u202f%%", 100 * share);
    }

    /** A duration such as {@code 5.3 s}, {@code 12 min 3 s} or {@code 3 h 12 min}. */
    static String duration(Duration duration) {
        long seconds = duration.toSeconds();
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", duration.toMillis() / 1e3);
        }
        return seconds < 3600
                ? seconds / 60 + " min " + seconds % 60 + " s"
                : Numbers.count(seconds / 3600) + " h " + seconds % 3600 / 60 + " min";
    }
}
