package dev.braid.job;

import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.TypeConversionException;

/** A value out of a few that have names. */
final class Choice {
    private Choice() {}

    /**
     * What was found by a name that a user wrote.
     *
     * @throws TypeConversionException with all names, if that was nothing
     */
    static <T> T of(Optional<T> found, T[] all, Function<T, String> name, String text) {
        String between = all.length == 2 ? " or " : ", ";
        return found.orElseThrow(() -> new TypeConversionException("expected "
                + Arrays.stream(all).map(name).collect(Collectors.joining(between)) + ", got '" + text + "'"));
    }
}
