package dev.braid.job;

import dev.braid.spark.InputFile;
import dev.braid.spark.Manifest;
import dev.braid.spark.Shard;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What is known of a run when it begins, and the manifest of what it wrote. */
final class RunManifest {
    private final Instant start;
    private final String spark;
    private final List<InputFile> inputs;
    private final Manifest.Model model;
    private final Map<String, String> options;
    private final String identity;

    /**
     * A run that reads these files, with this model and these options.
     *
     * @param spark its version
     */
    RunManifest(
            Instant start, String spark, List<InputFile> inputs, Manifest.Model model, Map<String, String> options) {
        this.start = start;
        this.spark = spark;
        this.inputs = inputs;
        this.model = model;
        this.options = options;
        this.identity = Manifest.identity(inputs, model, options);
    }

    String identity() {
        return identity;
    }

    /** The manifest of all that was written. */
    Manifest of(String run, String verified, List<Shard> shards) {
        Instant now = Instant.now();
        return new Manifest(
                Manifest.FORMAT,
                run,
                identity,
                Map.of(
                        "braid",
                        Optional.ofNullable(Braid.class.getPackage().getImplementationVersion())
                                .orElse("(not packaged)"),
                        "spark",
                        spark,
                        "java",
                        System.getProperty("java.version")),
                start.toString(),
                now.toString(),
                inputs,
                model,
                options,
                verified,
                shards.stream().mapToLong(Shard::rows).sum(),
                shards.stream().mapToLong(Shard::tokens).sum(),
                shards.stream().mapToLong(Shard::truncated).sum(),
                Shard.quarantined(shards),
                Shard.fingerprint(shards),
                Duration.between(start, now).toMillis() / 1000.0,
                shards);
    }
}
