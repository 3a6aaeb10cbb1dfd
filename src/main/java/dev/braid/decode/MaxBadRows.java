package dev.braid.decode;

import dev.braid.InputException;
import dev.braid.Numbers;
import java.io.Serializable;
import java.math.BigDecimal;
import java.util.Optional;
import java.util.regex.Pattern;

/** How many rows a run may set aside: a number of rows, or a percentage of the input's rows. */
public final class MaxBadRows implements Serializable {
    private static final long serialVersionUID = 1L;

    /** No limit. */
    public static final MaxBadRows UNLIMITED = new MaxBadRows("no limit", null, false);

    private static final Pattern FORM = Pattern.compile("(\\d{1,18})|(\\d{1,3}(?:\\.\\d{1,9})?) ?%");
    private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

    private final String text;
    /** Null if there is no limit. */
    private final BigDecimal number;

    private final boolean percent;

    private MaxBadRows(String text, BigDecimal number, boolean percent) {
        this.text = text;
        this.number = number;
        this.percent = percent;
    }

    /** Reads {@code 100} (rows) or {@code 0.5%} (of the input's rows, up to 100%); empty for any other text. */
    public static Optional<MaxBadRows> parse(String text) {
        var form = FORM.matcher(text.strip());
        if (!form.matches()) {
            return Optional.empty();
        }
        boolean percent = form.group(1) == null;
        BigDecimal number = new BigDecimal(form.group(percent ? 2 : 1));
        return percent && number.compareTo(HUNDRED) > 0
                ? Optional.empty()
                : Optional.of(new MaxBadRows(
                        number.stripTrailingZeros().toPlainString() + (percent ? "%" : ""), number, percent));
    }

    /**
     * Whether this many bad rows are too many. The number of bad rows only grows, so a run can ask at any time.
     *
     * @param rows of the whole input
     */
    public boolean exceeded(long bad, long rows) {
        if (number == null) {
            return false;
        }
        BigDecimal got = BigDecimal.valueOf(bad);
        return percent
                ? got.multiply(HUNDRED).compareTo(number.multiply(BigDecimal.valueOf(rows))) > 0
                : got.compareTo(number) > 0;
    }

    /**
     * Ends a run that has set aside too many rows.
     *
     * @throws InputException if the limit is {@link #exceeded}
     */
    public void check(long bad, long rows) {
        if (exceeded(bad, rows)) {
            throw new InputException(
                    "Cannot fuse: expected at most " + text + (percent ? " of " : " bad rows of ")
                            + Numbers.plain(rows, "row") + (percent ? " to be bad" : "")
                            + " (--max-bad-rows), got at least "
                            + bad
                            + "; nothing is published; with a higher --max-bad-rows, the quarantine says what is wrong with each");
        }
    }

    /** As users write it, without needless digits or blanks: {@code 0.5%} for {@code 0.50 %}. */
    @Override
    public String toString() {
        return text;
    }
}
