package dev.braid.job;

import dev.braid.InputException;
import dev.braid.spark.FusedTable;
import dev.braid.spark.InputFile;
import dev.braid.spark.Manifest;
import dev.braid.spark.PartitionRun;
import dev.braid.spark.Partitioning;
import dev.braid.spark.Shard;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
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

    /**
     * How the run updates a published table.
     *
     * @param table what messages call it
     * @param changedBy the column whose value tells whether a row has changed; null if none does
     * @param prune whether rows go that have left the input
     */
    FusedTable.IntoTable into(String table, String changedBy, boolean prune) {
        return new FusedTable.IntoTable() {
            @Override
            public String identity(Optional<Manifest> published) {
                return published
                        .map(there -> Manifest.identity(
                                inputs,
                                model,
                                Map.of(
                                        "of",
                                        identity,
                                        "over",
                                        there.run(),
                                        "changed-by",
                                        String.valueOf(changedBy),
                                        "prune",
                                        String.valueOf(prune))))
                        .orElse(identity);
            }

            @Override
            public boolean isDone(Manifest published) {
                refuseOther(table, published);
                return published.identity().equals(identity) && !mayDiffer(published, changedBy, prune);
            }
        };
    }

    /** Whether a table of this identity may have rows that this update would replace or remove. */
    private static boolean mayDiffer(Manifest published, String changedBy, boolean prune) {
        Manifest.Update earlier = published.update();
        if (earlier == null) {
            return prune && published.earlier() != null && !published.earlier().isEmpty();
        }
        return (prune && earlier.left() > 0) || (changedBy != null && !changedBy.equals(earlier.changedBy()));
    }

    /** Refuses a table of another model or other options. */
    private void refuseOther(String table, Manifest published) {
        List<String> problems = new ArrayList<>();
        if (!published.model().sha256().equals(model.sha256())) {
            problems.add("model: expected SHA-256 " + published.model().sha256() + " ("
                    + published.model().path() + "), got " + model.sha256() + " (" + model.path() + ")");
        }
        for (Manifest.OtherOption option : published.others(options)) {
            problems.add("option '" + option.name() + "': expected " + option.there() + ", got " + option.other());
        }
        if (!problems.isEmpty()) {
            throw InputException.of(
                    "Cannot update '" + table
                            + "' with another model or other options than it was made with; pass those of"
                            + " its _manifest.json, or '--overwrite' instead of '--update'",
                    problems);
        }
    }

    /** How the run writes partitions of a published table. */
    PartitionRun partitions(String table, Partitioning into, boolean overwrite) {
        return new PartitionRun(table, into, identity, model, options, overwrite);
    }

    /**
     * The manifest of the table.
     *
     * @param shards all files of the table
     * @param update what an update made of an older table; null if the run updates none
     * @param earlier the other runs whose files the table has; null if the run writes no partitions of a table
     */
    Manifest of(String run, String verified, List<Shard> shards, Manifest.Update update, List<Manifest.Run> earlier) {
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
                shards,
                update,
                earlier);
    }
}
