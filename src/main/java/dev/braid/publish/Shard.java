package dev.braid.publish;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file that a task of a run has finished. It is part of the task's record in the run's directory, and later of the
 * manifest. In a partitioned table a task may have finished several.
 *
 * @param plan digest of how the input was split into partitions; {@link #KEYS} for rows whose keys are bad
 * @param partitions the input partitions that the task covers, which are not computed again; empty for rows whose keys are
 *     bad
 * @param file of the fused rows, by its path in the table; null if the task has none
 * @param rows in the file
 * @param tokens of these rows
 * @param truncated rows with a sequence that was cut
 * @param lengths of these rows; null if there are none
 * @param fingerprint of these rows, 16 hexadecimal digits
 * @param quarantine the file of the rows that the task set aside, named in one shard only; null if there are none
 * @param quarantined how many rows were set aside, by the name of their reason
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Shard(
        String plan,
        List<Integer> partitions,
        String file,
        long rows,
        long tokens,
        long truncated,
        Lengths lengths,
        String fingerprint,
        String quarantine,
        Map<String, Long> quarantined) {

    /** The plan of shards that hold rows with bad keys, which are set aside before any task begins. */
    public static final String KEYS = "keys";

    /** The prefix of a plan that no other run can resume, because its partitions may have other rows next time. */
    public static final String ONCE = "once-";

    /** A run's identifier, in the names of its files. */
    public static final Pattern RUN = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    /** A fingerprint as records and manifests write it. */
    public static String hex(long fingerprint) {
        return String.format(Locale.ROOT, "%016x", fingerprint);
    }

    /** The fingerprint of all rows of these files: the sum of theirs, modulo 2^64. */
    public static String fingerprint(List<Shard> shards) {
        return hex(shards.stream()
                .mapToLong(shard -> Long.parseUnsignedLong(shard.fingerprint(), 16))
                .sum());
    }

    /** The rows that were set aside in these shards, by the name of their reason. */
    public static Map<String, Long> quarantined(List<Shard> shards) {
        Map<String, Long> counts = new TreeMap<>();
        shards.forEach(shard -> shard.quarantined().forEach((reason, rows) -> counts.merge(reason, rows, Long::sum)));
        return counts;
    }

    /** The record of a copy of this file with fewer rows. */
    public Shard copied(
            String copy,
            long copyRows,
            long copyTokens,
            long copyTruncated,
            Lengths copyLengths,
            String copyFingerprint) {
        return new Shard(
                plan,
                partitions,
                copy,
                copyRows,
                copyTokens,
                copyTruncated,
                copyLengths,
                copyFingerprint,
                null,
                Map.of());
    }

    /** This record without the rows that were set aside. */
    public Shard withoutQuarantine() {
        return copied(file, rows, tokens, truncated, lengths, fingerprint);
    }

    /** This record without its file and the rows in it. */
    public Shard withoutFile() {
        return new Shard(plan, partitions, null, 0, 0, 0, null, hex(0), quarantine, quarantined);
    }

    /** Rows that were set aside, for any reason. */
    public long setAside() {
        return quarantined.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The run that wrote it, from the name of its file; empty if the name does not contain a run. */
    public String run() {
        String name = file == null ? String.valueOf(quarantine) : file.substring(file.lastIndexOf('/') + 1);
        Matcher found = RUN.matcher(name);
        return found.find() ? found.group() : "";
    }

    /** Refuses JSON that is not a record. */
    public Shard {
        requireNonNull(plan);
        requireNonNull(partitions);
        requireNonNull(fingerprint);
        requireNonNull(quarantined);
    }
}
