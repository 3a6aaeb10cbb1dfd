package dev.braid;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** Finds the valid name that an unknown name was probably meant to be, as a hint in an error message. */
public final class NearestName {
    /**
     * The longest names that are compared: a longer one is no typing error, and computing its distance takes too long.
     */
    private static final int LONGEST = 200;

    private NearestName() {}

    /**
     * The candidate with the fewest edits from {@code name}, the first of several. Empty if {@code name} is too long to
     * compare.
     */
    public static Optional<String> of(String name, Collection<String> candidates) {
        LevenshteinDistance edits = LevenshteinDistance.getDefaultInstance();
        return candidates.stream()
                .filter(candidate -> candidate.length() <= LONGEST && name.length() <= LONGEST)
                .min(Comparator.comparingInt(candidate -> edits.apply(name, candidate)));
    }

    /** The end of an error message: {@code ; the nearest is 'x'}, or nothing. */
    public static String hint(String name, Collection<String> candidates) {
        return of(name, candidates)
                .map(nearest -> "; the nearest is '" + nearest + "'")
                .orElse("");
    }
}
