package dev.braid.job;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.TypeConversionException;

/** Parses an option whose values have names. */
final class Choice {
    private Choice() {}

    /**
     * The value that a user's text names.
     *
     * @throws TypeConversionException if {@code found} is empty; the message lists all names
     */
    static <T> T of(Optional<T> found, T[] all, Function<T, String> name, String text) {
        String between = all.length == 2 ? " or " : ", ";
        return found.orElseThrow(() -> new TypeConversionException("expected "
                + Arrays.stream(all).map(name).collect(Collectors.joining(between)) + ", got '" + text + "'"));
    }
}
