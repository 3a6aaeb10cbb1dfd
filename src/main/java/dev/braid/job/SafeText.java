package dev.braid.job;

import dev.braid.Shown;
import java.util.regex.Pattern;

/** Makes text safe to print. Keys, names and paths come from other people and may contain anything. */
final class SafeText {
    private static final int LONGEST_LINE = 2000;

    /** Control characters, characters that reorder text, and line separators. Line breaks are handled separately. */
    private static final Pattern UNSAFE = Pattern.compile(
            "[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069&&[^\\n]]");

    /**
     * A line break that does not start an indented line. Messages list problems as indented lines; other line breaks come
     * from names.
     */
    private static final Pattern STRAY_BREAK = Pattern.compile("\\n(?!  )");

    /** A long quoted name. Keys may have any length; they are cut because the rest of the message matters more. */
    private static final Pattern LONG_QUOTE = Pattern.compile("'([^'\\n]{500})[^'\\n]{100,}+'");

    private SafeText() {}

    /** A message: control characters as {@code \\u001b}, passwords as {@code ***}, over-long lines cut. */
    static String message(String text) {
        String lines = STRAY_BREAK.matcher(text).replaceAll("\\\\u000a");
        return trace(LONG_QUOTE.matcher(lines).replaceAll("'$1...'"));
    }

    /** A stack trace, made safe in the same way; it keeps its lines and tabs. */
    static String trace(String text) {
        String near = cut(text, 2 * LONGEST_LINE); // short enough to search, long enough to mask every password whole
        String cut = cut(Shown.withoutSecrets(near), LONGEST_LINE);
        return UNSAFE.matcher(cut)
                .replaceAll(found -> found.group().equals("\t")
                        ? "\t"
                        : String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }

    /** Cuts each line to {@code most} characters. */
    private static String cut(String text, int most) {
        if (text.length() <= most) {
            return text;
        }
        StringBuilder cut = new StringBuilder();
        for (int start = 0; start <= text.length(); ) {
            int end = text.indexOf('\n', start);
            end = end < 0 ? text.length() : end;
            cut.append(text, start, Math.min(end, start + most))
                    .append(end - start > most ? "..." : "")
                    .append(end < text.length() ? "\n" : "");
            start = end + 1;
        }
        return cut.toString();
    }
}
