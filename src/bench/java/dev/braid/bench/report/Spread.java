package dev.braid.bench.report;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * What repeated measurements say: the middle one and the ends.
 *
 * @param median the middle value; of an even number the mean of the two in the middle
 * @param lowest the lowest value
 * @param highest the highest value
 */
public record Spread(double median, double lowest, double highest) {

    /** Of at least one value. */
    public static Spread of(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int size = sorted.size();
        double median = (sorted.get((size - 1) / 2) + sorted.get(size / 2)) / 2;
        return new Spread(median, sorted.get(0), sorted.get(size - 1));
    }

    /** Of the ratios round by round, so that a machine that drifts is the same machine to both. */
    public static Spread ofRatios(List<Double> numerators, List<Double> denominators) {
        int rounds = Math.min(numerators.size(), denominators.size());
        return of(IntStream.range(0, rounds)
                .mapToObj(round -> numerators.get(round) / denominators.get(round))
                .toList());
    }

    /** All three values times a factor. */
    public Spread times(double factor) {
        return new Spread(median * factor, lowest * factor, highest * factor);
    }

    /** {@code median (lowest–highest)}, with so many digits that the median has at least three. */
    @Override
    public String toString() {
        int decimals = median < 10 ? 2 : median < 100 ? 1 : 0;
        String number = "%,." + decimals + "f";
        return String.format(Locale.ROOT, number + " (" + number + "–" + number + ")", median, lowest, highest);
    }
}
