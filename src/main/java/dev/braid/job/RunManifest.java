package dev.braid.job;

import dev.braid.publish.Lengths;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * The facts about a run that are known when it begins, for the manifest of the table that it writes.
 *
 * @param spark the version of Spark
 */
record RunManifest(Instant start, String spark, Origin origin) {
    /**
     * The manifest of the table.
     *
     * @param verified the result of the check against PyTorch's numbers
     * @param shards all files of the table
     * @param unreferenced the rows of feature tables that no pair refers to, by modality
     * @param update what an update changed in an older table; null if the run is not an update
     */
    Manifest of(
            RunDirectory run,
            String verified,
            List<Shard> shards,
            Map<String, Long> unreferenced,
            Manifest.Update update) {
        Instant now = Instant.now();
        boolean partitions = origin.options().containsKey(Manifest.PARTITION_BY);
        return new Manifest(
                Manifest.FORMAT,
                run.id(),
                origin.identity(),
                Map.of("braid", Braid.version(), "spark", spark, "java", System.getProperty("java.version")),
                start.toString(),
                now.toString(),
                origin.inputs(),
                origin.model(),
                origin.options(),
                verified,
                shards.stream().mapToLong(Shard::rows).sum(),
                shards.stream().mapToLong(Shard::tokens).sum(),
                shards.stream().mapToLong(Shard::truncated).sum(),
                Lengths.of(shards),
                Shard.quarantined(shards),
                unreferenced.isEmpty() ? null : unreferenced,
                Shard.fingerprint(shards),
                Duration.between(start, now).toMillis() / 1000.0,
                shards,
                null,
                update,
                partitions ? Manifest.earlier(run.base(), shards, update != null) : null,
                null);
    }
}
