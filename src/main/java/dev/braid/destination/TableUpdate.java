package dev.braid.destination;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.TableChange;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;

/**
 * A run that fuses the rows that a table lacks and, if asked, those that have changed. If asked, it removes rows that the input
 * lacks. It keeps the rest. If there is no table, its files become one. Driver only.
 *
 * @param table its path
 * @param origin what decides the rows
 * @param config of the run and, equally, of the table
 * @param model with the pooling of the run
 * @param changedBy the kept column whose value tells whether a row has changed; null if there is none
 * @param prune whether to remove rows that are no longer in the input
 */
public record TableUpdate(
        SparkSession spark,
        String table,
        Origin origin,
        FusionConfig config,
        ModelConfig model,
        String changedBy,
        boolean prune)
        implements Destination, TableChange {

    @Override
    public Optional<RunDirectory> begin(FusedTable output) throws IOException {
        return output.begin(this);
    }

    /** What the run writes depends on what is published. */
    @Override
    public String identity(Optional<Manifest> published) {
        String all = origin.identity();
        return published
                .map(there -> new Origin(
                                origin.inputs(),
                                origin.model(),
                                Map.of(
                                        "of",
                                        all,
                                        "over",
                                        there.run(),
                                        "changed-by",
                                        String.valueOf(changedBy),
                                        "prune",
                                        String.valueOf(prune)))
                        .identity())
                .orElse(all);
    }

    /**
     * Whether the table is already up to date.
     *
     * @throws InputException if the table was made with another model or other options
     */
    @Override
    public boolean isDone(Manifest published) {
        refuseOther(published);
        return published.identity().equals(origin.identity()) && !mayDiffer(published);
    }

    /** Whether a table of this identity may have rows that this update would replace or remove. */
    private boolean mayDiffer(Manifest published) {
        Manifest.Update earlier = published.update();
        if (earlier == null) {
            return prune && published.earlier() != null && !published.earlier().isEmpty();
        }
        return (prune && earlier.left() > 0) || (changedBy != null && !changedBy.equals(earlier.changedBy()));
    }

    private void refuseOther(Manifest published) {
        Manifest.Model used = origin.model();
        List<String> problems = new ArrayList<>();
        if (!published.model().sha256().equals(used.sha256())) {
            problems.add("model: expected SHA-256 " + published.model().sha256() + " ("
                    + published.model().path() + "), got " + used.sha256() + " (" + used.path() + ")");
        }
        for (Manifest.OtherOption option : published.others(origin.options())) {
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

    @Override
    public FeatureTables tables(FeatureTables input, RunDirectory run) {
        return published(run).map(there -> input.into(there::keys)).orElse(input);
    }

    @Override
    public boolean isDone(AuditedKeys keys, RunDirectory run) {
        return published(run).map(there -> !there.changes(keys)).orElse(false);
    }

    @Override
    public List<Shard> files(List<Shard> written, FeatureTables tables, AuditedKeys keys, RunDirectory run)
            throws IOException {
        Optional<PublishedTable> published = published(run);
        return published.isEmpty() ? written : published.get().with(written, tables, keys, run);
    }

    @Override
    public Manifest.Update update(AuditedKeys keys, RunDirectory run) {
        return published(run).map(there -> there.update(keys)).orElse(null);
    }

    @Override
    public long rows(AuditedKeys keys, Manifest updated, RunDirectory run) {
        return published(run).map(there -> there.rows(keys)).orElse(keys.rows());
    }

    /** The table to update; empty if it has no files, and so no keys. */
    private Optional<PublishedTable> published(RunDirectory run) {
        return run.base()
                .filter(there -> there.files().stream().anyMatch(shard -> shard.file() != null))
                .map(there -> new PublishedTable(spark, table, there, config, model, changedBy, prune));
    }
}
