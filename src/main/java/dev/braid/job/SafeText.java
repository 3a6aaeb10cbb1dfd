package dev.braid.job;

import dev.braid.Shown;
import java.util.regex.Pattern;

/** Text that is safe to print: keys, names and paths are other people's. */
final class SafeText {
    private static final int LONGEST_LINE = 2000;

    /** Of control characters, the ones that reorder text, and line separators; a line break is looked at on its own. */
    private static final Pattern UNSAFE = Pattern.compile(
            "[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069&&[^\\n]]");

    /** A message lists several problems as indented lines; any other line break comes from a name. */
    private static final Pattern STRAY_BREAK = Pattern.compile("\\n(?!  )");

    /** A key may have any size; what follows it in the message matters more. */
    private static final Pattern LONG_QUOTE = Pattern.compile("'([^'\\n]{500})[^'\\n]{100,}+'");

    private SafeText() {}

    /** A message: control characters as {@code \\u001b}, passwords as {@code ***}, over-long lines cut. */
    static String message(String text) {
        String lines = STRAY_BREAK.matcher(text).replaceAll("\\\\u000a");
        return trace(LONG_QUOTE.matcher(lines).replaceAll("'$1...'"));
    }

    /** The same of a stack trace, which keeps its lines and tabs. */
    static String trace(String text) {
        String near = cut(text, 2 * LONGEST_LINE); // little enough to search, and no password is cut in half
        String cut = cut(Shown.withoutSecrets(near), LONGEST_LINE);
        return UNSAFE.matcher(cut)
                .replaceAll(found -> found.group().equals("\t")
                        ? "\t"
                        : String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }

    /** The first so many characters of each line. */
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
