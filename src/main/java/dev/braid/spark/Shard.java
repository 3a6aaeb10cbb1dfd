package dev.braid.spark;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What one task of a run has finished: its record in the run's directory, and later in the manifest.
 *
 * @param plan digest of how the input was split into partitions
 * @param partitions of the input that it covers; finished ones are not computed again
 * @param file of the fused rows; null if there are none
 * @param rows in the file
 * @param tokens of these rows
 * @param truncated rows of which a sequence was cut
 * @param fingerprint of these rows, 16 hexadecimal digits: see {@link FusionProgress#fingerprint}
 * @param quarantine the file of the rows that were set aside; null if there are none
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

    /** The record of a copy of its file with other rows. */
    Shard copied(String copy, long copyRows, long copyTokens, long copyTruncated, String copyFingerprint) {
        return new Shard(plan, partitions, copy, copyRows, copyTokens, copyTruncated, copyFingerprint, null, Map.of());
    }

    /** The same without what was set aside. */
    Shard withoutQuarantine() {
        return copied(file, rows, tokens, truncated, fingerprint);
    }

    /** The same without its file, which has no rows. */
    Shard withoutFile() {
        return new Shard(plan, partitions, null, 0, 0, 0, hex(0), quarantine, quarantined);
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
