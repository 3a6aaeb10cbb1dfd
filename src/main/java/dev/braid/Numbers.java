package dev.braid;

import java.util.Locale;

/** Numbers as reports and messages show them. */
public final class Numbers {
    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;

    private Numbers() {}

    /** A number with separators: {@code 1,234,567}. */
    public static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    /** So many things of a kind, with separators: {@code 1 row}, {@code 2,000 rows}. */
    public static String count(long number, String thing) {
        return count(number) + " " + thing + (number == 1 ? "" : "s");
    }

    /** So many things of a kind without separators, as error messages have them: {@code 1 row}, {@code 2000 rows}. */
    public static String plain(long number, String thing) {
        return number + " " + thing + (number == 1 ? "" : "s");
    }

    /** The fewest digits that give the number back: {@code 0.1}, {@code 1e-5}. */
    public static String brief(Number number) {
        return number.toString().replace(".0E", "e").replace('E', 'e');
    }

    /** A size, rounded up below a gibibyte: {@code 1.4 GiB}, {@code 512 MiB} or {@code 3 KiB}. */
    public static String bytes(long bytes) {
        if (bytes < MIB) {
            return (bytes + KIB - 1) / KIB + " KiB";
        }
        double gibibytes = bytes / (1024.0 * MIB);
        return gibibytes >= 1 ? String.format(Locale.ROOT, "%,.1f GiB", gibibytes) : (bytes + MIB - 1) / MIB + " MiB";
    }
}
