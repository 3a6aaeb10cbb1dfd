package dev.braid;

import java.util.List;
import java.util.regex.Pattern;

/** Other people's text (paths, names, keys) as messages, logs and manifests show it. */
public final class Shown {
    private static final int LONGEST = 500;

    /**
     * In {@code scheme://user:password@host}; a number before a slash is a port. Every repetition has a bound, so that a long
     * text takes no longer than its length asks for.
     */
    private static final Pattern PASSWORD = Pattern.compile("\\b([A-Za-z][A-Za-z0-9+.-]{0,20}://[^\\s/@:']{0,500}):"
            + "(?:[^\\s/']{0,500}|(?!\\d{1,5}/)[^\\s'@]{0,500})@");

    /** In the query of a URI, in a setting or in an option. */
    private static final Pattern SECRET = Pattern.compile(
            "((?:(?<![a-z])|(?<=key))(?:passw(?:or)?d|pwd|secret|sig|signature|credentials?|(?:access|account|secret)[._-]?key|(?<!max-)token)"
                    + "(?:[._-][\\w.-]{0,200})?=)[^\\s&;,']*",
            Pattern.CASE_INSENSITIVE);

    /** Control characters, characters that reorder text, and line separators. */
    private static final Pattern UNSAFE =
            Pattern.compile("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]");

    private Shown() {}

    /** Passwords in URIs, settings and options as {@code ***}. */
    public static String withoutSecrets(String text) {
        String masked = path(text);
        return masked == null || masked.indexOf('=') < 0
                ? masked
                : SECRET.matcher(masked).replaceAll("$1***");
    }

    /** A path without its password; directories of partitions such as {@code token=1} keep their names. */
    public static String path(String path) {
        return path != null && path.contains("://") ? PASSWORD.matcher(path).replaceAll("$1:***@") : path;
    }

    /** A path or a failure as a line of a log shows it. */
    public static String of(Object thing) {
        return onOneLine(withoutSecrets(String.valueOf(thing)));
    }

    /** A key or another value as a message shows it between quotes: on one line, its first {@value #LONGEST} characters. */
    public static String value(String text) {
        return onOneLine(text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text);
    }

    /** The first {@code most} names between quotes, and the number of the others. */
    public static String names(int most, List<?> names) {
        return first(most, names.stream().map(name -> "'" + name + "'").toList());
    }

    /** The first {@code most} texts, and the number of the others. */
    public static String first(int most, List<String> texts) {
        String first = String.join(", ", texts.subList(0, Math.min(most, texts.size())));
        return texts.size() <= most ? first : first + " and " + (texts.size() - most) + " more";
    }

    /** What would move the cursor, reorder text or begin a line as {@code \\u001b}. */
    public static String onOneLine(String text) {
        return UNSAFE.matcher(text)
                .replaceAll(
                        found -> String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }
}
