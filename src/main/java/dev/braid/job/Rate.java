package dev.braid.job;

import dev.braid.plan.EncoderRate;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * The rate at which one task slot fuses.
 *
 * @param perSecond rows or tokens per second
 * @param ofTokens whether the rate counts tokens
 * @param source where the rate comes from
 */
record Rate(double perSecond, boolean ofTokens, String source) {
    /** The share of a task's time that the encoder takes; the rest is reading, decoding and writing. */
    static final double ENCODER_SHARE = 0.75;

    private static final Pattern FORM = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,6})?)\\s*(rows|tokens)?");

    /** A slot's rate from the measured rate of the encoder, with time added for the other parts of a task. */
    static Rate measured(EncoderRate encoder) {
        String source = String.format(
                Locale.ROOT,
                "%.0f %% of the encoder's rate measured here (%s, %s at once); the rest of the time is for reading and"
                        + " writing",
                100 * ENCODER_SHARE,
                encoder.processor(),
                encoder.slots() == 1 ? "1 slot" : encoder.slots() + " slots");
        // One thread reads and writes for all threads of a slot.
        double read = encoder.tokens() / encoder.threads() * ENCODER_SHARE / (1 - ENCODER_SHARE);
        return new Rate(Math.min(encoder.tokens() * ENCODER_SHARE, read), true, source);
    }

    /** The seconds that one slot takes for this many rows of this mean length in tokens. */
    double seconds(long rows, double tokens) {
        return rows * (ofTokens ? tokens : 1) / perSecond;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%,.0f %s/s a slot, %s", perSecond, ofTokens ? "tokens" : "rows", source);
    }

    static final class Form implements ITypeConverter<Rate> {
        @Override
        public Rate convert(String text) {
            Matcher form = FORM.matcher(text.strip());
            if (!form.matches() || Double.parseDouble(form.group(1)) == 0) {
                throw new TypeConversionException(
                        "expected rows per second such as 300, or tokens such as 25000tokens, got '" + text + "'");
            }
            return new Rate(Double.parseDouble(form.group(1)), "tokens".equals(form.group(2)), "as given (--rate)");
        }
    }
}
