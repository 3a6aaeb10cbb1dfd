package dev.braid.publish;

import java.util.List;
import java.util.Objects;

/**
 * How long fused rows are.
 *
 * @param shortest tokens of the shortest row
 * @param longest tokens of the longest row
 */
public record Lengths(int shortest, int longest) {
    /** The lengths of the rows in these files; null if there are no rows. */
    public static Lengths of(List<Shard> shards) {
        return shards.stream()
                .map(Shard::lengths)
                .filter(Objects::nonNull)
                .reduce(Lengths::and)
                .orElse(null);
    }

    /** The lengths of these rows and others. */
    Lengths and(Lengths other) {
        return new Lengths(Math.min(shortest, other.shortest), Math.max(longest, other.longest));
    }
}
