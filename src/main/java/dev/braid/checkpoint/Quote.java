package dev.braid.checkpoint;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;

/** Formats names and values from a file for error messages. */
final class Quote {
    private static final int LONGEST = 200;

    private Quote() {}

    /** In quotes, on one line, cut at {@value #LONGEST} characters. */
    static String of(String text) {
        StringBuilder shown = new StringBuilder("'");
        text.chars().limit(LONGEST).forEach(c -> {
            if (Character.isISOControl(c) || Character.isSurrogate((char) c) || c == '\u2028' || c == '\u2029') {
                shown.append(String.format("\\u%04x", c));
            } else {
                shown.append((char) c);
            }
        });
        return shown.append(text.length() > LONGEST ? "..." : "").append("'").toString();
    }

    /** The class of an exception and the first line of its message. */
    static String of(Exception failure) {
        String message = failure.getMessage() == null ? "" : failure.getMessage();
        return failure.getClass().getSimpleName()
                + message.lines().findFirst().map(line -> ": " + cut(line)).orElse("");
    }

    /** Where and why a text is not JSON. */
    static String of(JsonProcessingException failure) {
        JsonLocation location = failure.getLocation();
        String place =
                location == null ? "" : " in line " + location.getLineNr() + ", column " + location.getColumnNr();
        return "an error" + place + " ("
                + cut(failure.getOriginalMessage().lines().findFirst().orElse("")) + ")";
    }

    /** Without quotes, cut at {@value #LONGEST} characters. */
    static String cut(String text) {
        return text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
    }
}
