package dev.braid.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/** Damage to a JSON text: parts are dropped, doubled, changed, and spliced with text that such files are made of. */
final class Mutation {
    private static final List<String> JSON = List.of(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "-",
            "0",
            "1",
            "2147483647",
            "9223372036854775807",
            "-1",
            "1e9",
            "1e400",
            "0.5",
            "null",
            "true",
            "false",
            "\\u0000",
            "\\",
            " ",
            "\"\"",
            "{}",
            "[]",
            "[[[[[[[[",
            "\ud83d",
            "\u0000");

    private Mutation() {}

    /** Numbers that have nothing in common with those of the next seed, unlike java.util.Random's. */
    static RandomGenerator random(long seed) {
        return new SplittableRandom(seed);
    }

    /** {@code text} with one to four such changes, now and then with a byte that is not of its text. */
    static byte[] of(String text, List<String> pieces, RandomGenerator random) {
        StringBuilder json = new StringBuilder(text);
        for (int edits = random.nextBoolean() ? 1 : 1 + random.nextInt(4); edits > 0 && !json.isEmpty(); edits--) {
            int at = random.nextInt(json.length());
            int end = Math.min(json.length(), at + 1 + random.nextInt(6));
            List<String> from = random.nextBoolean() ? JSON : pieces;
            String piece = from.get(random.nextInt(from.size()));
            switch (random.nextInt(7)) {
                case 0 -> json.delete(at, end);
                case 1 -> json.insert(at, json.substring(at, end));
                case 2 -> json.setCharAt(at, (char) random.nextInt(128));
                case 3 -> json.insert(at, piece);
                case 4 -> replaceToken(json, at, piece);
                case 5 -> replaceToken(json, at, tokenAt(json, random.nextInt(json.length())));
                default -> json.replace(at, end, piece);
            }
        }
        byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
        if (random.nextInt(16) == 0 && bytes.length > 0) {
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
        }
        return bytes;
    }

    private static void replaceToken(StringBuilder json, int at, String by) {
        json.replace(tokenStart(json, at), tokenEnd(json, at), by);
    }

    private static String tokenAt(StringBuilder json, int at) {
        return json.substring(tokenStart(json, at), tokenEnd(json, at));
    }

    private static int tokenStart(StringBuilder json, int at) {
        int start = at;
        while (start > 0 && !isDelimiter(json.charAt(start - 1))) {
            start--;
        }
        return start;
    }

    private static int tokenEnd(StringBuilder json, int at) {
        int end = at;
        while (end < json.length() && !isDelimiter(json.charAt(end))) {
            end++;
        }
        return end;
    }

    private static boolean isDelimiter(char c) {
        return ",:[]{} \n".indexOf(c) >= 0;
    }
}
