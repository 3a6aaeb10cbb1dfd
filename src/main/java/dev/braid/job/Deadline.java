package dev.braid.job;

import java.time.Duration;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The time by which a run should finish.
 *
 * @param text as the user wrote it
 * @param left the time from now until then
 */
record Deadline(String text, Duration left) {
    private static final Pattern DURATION = Pattern.compile("(\\d{1,6}(?:\\.\\d{1,3})?)([mhd])");
    private static final Pattern TIME = Pattern.compile("([01]?\\d|2[0-3]):([0-5]\\d)");

    /** A duration, or the next time of day after {@code now}; null for any other text, or for a duration of 0. */
    static Deadline parse(String text, LocalDateTime now) {
        Matcher duration = DURATION.matcher(text);
        if (duration.matches()) {
            double number = Double.parseDouble(duration.group(1));
            double minutes = number
                    * switch (duration.group(2)) {
                        case "m" -> 1;
                        case "h" -> 60;
                        default -> 24 * 60;
                    };
            return minutes == 0 ? null : new Deadline(text, Duration.ofMillis((long) (minutes * 60_000)));
        }
        Matcher time = TIME.matcher(text);
        if (time.matches()) {
            LocalDateTime at = now.with(LocalTime.of(Integer.parseInt(time.group(1)), Integer.parseInt(time.group(2))));
            return new Deadline(text, Duration.between(now, at.isAfter(now) ? at : at.plusDays(1)));
        }
        return null;
    }

    static final class Form implements ITypeConverter<Deadline> {
        @Override
        public Deadline convert(String text) {
            Deadline deadline = parse(text.strip(), LocalDateTime.now(ZoneId.systemDefault()));
            if (deadline == null) {
                throw new TypeConversionException(
                        "expected a duration such as 90m, 6h or 2d, or a time such as 06:00, got '" + text + "'");
            }
            return deadline;
        }
    }
}
