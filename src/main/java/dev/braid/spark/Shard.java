package dev.braid.spark;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A file that a task of a run has finished: part of the task's record in the run's directory, and later of the manifest.
 * In a partitioned table a task may have finished several.
 *
 * @param plan digest of how the input was split into partitions
 * @param partitions of the input that it covers; finished ones are not computed again
 * @param file of the fused rows, by its path in the table; null if the task has none
 * @param rows in the file
 * @param tokens of these rows
 * @param truncated rows of which a sequence was cut
 * @param fingerprint of these rows, 16 hexadecimal digits: see {@link FusionProgress#fingerprint}
 * @param quarantine the file of the rows that the task set aside, named once; null if there are none
 * @param quarantined how many were set aside, by the name of their reason
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Shard(
        String plan,
        List<Integer> partitions,
        String file,
        long rows,
        long tokens,
        long truncated,
        String fingerprint,
        String quarantine,
        Map<String, Long> quarantined) {

    /** A fingerprint as records and manifests write it. */
    static String hex(long fingerprint) {
        return String.format(Locale.ROOT, "%016x", fingerprint);
    }

    /** The fingerprint of all rows of these files: the sum of theirs, modulo 2^64. */
    public static String fingerprint(List<Shard> shards) {
        return hex(shards.stream()
                .mapToLong(shard -> Long.parseUnsignedLong(shard.fingerprint(), 16))
                .sum());
    }

    /** Rows that were set aside, for any reason. */
    long setAside() {
        return quarantined.values().stream().mapToLong(Long::longValue).sum();
    }

    /** JSON of another kind is no record. */
    public Shard {
        requireNonNull(plan);
        requireNonNull(fingerprint);
        requireNonNull(quarantined);
        if (partitions.isEmpty()) {
            throw new IllegalArgumentException("expected a partition at least, got none");
        }
    }
}
