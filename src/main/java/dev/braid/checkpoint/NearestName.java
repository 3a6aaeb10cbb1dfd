package dev.braid.checkpoint;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** Of the names that would have done, the one that an unknown name was probably meant to be: an error's next step. */
public final class NearestName {
    /** Beyond this nothing is a slip of the pen, and the distance takes its time. */
    private static final int LONGEST = 200;

    private NearestName() {}

    /** The candidate with the fewest edits from {@code name}, the first of several; none is near an endless name. */
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
