package dev.braid.destination;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.OutputExistsException;
import dev.braid.publish.Partitioning;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.TableChange;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.PairedTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A run that writes partitions of a table, and leaves the table's other partitions as they are. Driver only.
 *
 * @param table the path of the table
 * @param partitions the partitions that the run writes, according to the values of its input. A joined row that lacks a
 *     modality may also go to the partition of null
 * @param origin what decides the rows; its options include the partition columns
 * @param overwrite whether existing partitions may be replaced
 */
public record PartitionRun(String table, Partitioning partitions, Origin origin, boolean overwrite)
        implements Destination, TableChange {
    /** How many partitions or options a message names. */
    private static final int NAMED = 5;

    @Override
    public Optional<RunDirectory> begin(FusedTable output) throws IOException {
        return output.begin(this);
    }

    /** A run's files do not depend on the published table. */
    @Override
    public String identity(Optional<Manifest> published) {
        return origin.identity();
    }

    /**
     * Whether the table already has what this run would write.
     *
     * @throws OutputExistsException if an existing partition may not be replaced, or if a partition that stays was made with
     *     another model or other options
     */
    @Override
    public boolean isDone(Manifest published) {
        if (!overwrite && isOf(published)) {
            return true;
        }
        Set<String> there = partitions(published);
        List<String> differences = differences(published);
        if (!differences.isEmpty() && !(overwrite && partitions.paths().containsAll(there))) {
            throw new OutputExistsException("Cannot write partitions of '" + table
                    + "': expected the model and the options that its other partitions were made with ("
                    + Manifest.FILE + "), got " + String.join(", ", differences)
                    + "; pass those, or choose another path");
        }
        if (!overwrite) {
            refuse(partitions.paths().stream().filter(there::contains).toList());
        }
        return false;
    }

    /** Refuses to delete partitions that the run does not write. Without a manifest, nobody knows who wrote them. */
    @Override
    public void refuseUnknown(Set<String> files) {
        List<String> others = files.stream()
                .map(Partitioning::of)
                .filter(partition -> !partition.isEmpty() && !partitions.paths().contains(partition))
                .distinct()
                .toList();
        if (!others.isEmpty()) {
            throw new OutputExistsException("Cannot write partitions of '" + table + "': expected a table with a "
                    + Manifest.FILE + " that can be read, got one without; its other partitions would be lost: "
                    + Shown.names(NAMED, others) + "; choose another path, or remove the table yourself");
        }
    }

    private static Set<String> partitions(Manifest published) {
        return published.files().stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> Partitioning.of(shard.file()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private void refuse(List<String> exist) {
        if (!exist.isEmpty()) {
            throw new OutputExistsException("Cannot write '" + table + "': expected partitions that do not exist, got "
                    + Shown.names(NAMED, exist)
                    + "; pass --overwrite to replace exactly the partitions that are written");
        }
    }

    /** Whether all files of these partitions were written by runs with this identity. */
    private boolean isOf(Manifest published) {
        String identity = origin.identity();
        Set<String> same = published.runs().stream()
                .filter(run -> run.identity().equals(identity))
                .map(Manifest.Run::run)
                .collect(Collectors.toSet());
        Set<String> paths = new HashSet<>(partitions.paths());
        return !same.isEmpty()
                && published.files().stream()
                        .filter(shard -> shard.file() != null && paths.contains(Partitioning.of(shard.file())))
                        .allMatch(shard -> same.contains(shard.run()));
    }

    private List<String> differences(Manifest published) {
        List<String> differences = new ArrayList<>();
        if (!published.model().sha256().equals(origin.model().sha256())) {
            differences.add("a model of SHA-256 " + origin.model().sha256() + " and not "
                    + published.model().sha256());
        }
        for (Manifest.OtherOption option : published.others(origin.options())) {
            differences.add("option '" + option.name() + "' " + option.other() + " and not " + option.there());
        }
        return differences;
    }

    /**
     * Refuses kept columns whose types differ from those in the partitions that stay: no reader could read them together.
     *
     * @throws InputException naming each of them
     */
    @Override
    public void check(PairedTable paired, RunDirectory run) {
        Optional<String> file = run.base().stream()
                .flatMap(published -> published.files().stream())
                .map(Shard::file)
                .filter(each -> each != null && !partitions.paths().contains(Partitioning.of(each)))
                .findFirst();
        if (file.isEmpty()) {
            return;
        }
        StructType there = PublishedTable.read(paired.rows().sparkSession(), List.of(new Path(table, file.get())))
                .schema();
        List<String> problems = new ArrayList<>();
        for (StructField column : paired.carriedFields()) {
            String type = column.dataType().catalogString();
            if (List.of(there.fieldNames()).contains(column.name())
                    && !type.equals(there.apply(column.name()).dataType().catalogString())) {
                problems.add("column '" + column.name() + "': expected "
                        + there.apply(column.name()).dataType().catalogString() + " (its other partitions), got "
                        + type);
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot write partitions of '" + table + "'", problems);
        }
    }

    /**
     * The files of the table together with those of the run. A partition that the run has written has only the run's files.
     *
     * @throws OutputExistsException if the run wrote an existing partition that may not be replaced
     */
    @Override
    public List<Shard> files(List<Shard> written, FeatureTables tables, AuditedKeys keys, RunDirectory run) {
        return run.base().map(published -> into(published, written)).orElse(written);
    }

    private List<Shard> into(Manifest published, List<Shard> written) {
        List<Shard> own = written.stream()
                .filter(shard -> shard.file() != null || shard.quarantine() != null)
                .toList();
        Set<String> replaced = own.stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> Partitioning.of(shard.file()))
                .collect(Collectors.toCollection(TreeSet::new));
        List<Shard> kept = differences(published).isEmpty() ? kept(published, replaced) : List.of();
        if (!overwrite) {
            // The values in a joined table may differ from those of its inputs: they are null if a modality is missing.
            refuse(replaced.stream().filter(partitions(published)::contains).toList());
        }
        List<Shard> all = new ArrayList<>(kept);
        all.addAll(own);
        return all;
    }

    /** Adds the rows of the other partitions to those of the run. */
    @Override
    public long rows(AuditedKeys keys, Manifest written, RunDirectory run) {
        long kept = written.files().stream()
                .filter(shard -> !shard.run().equals(written.run()))
                .mapToLong(shard -> shard.rows() + shard.setAside())
                .sum();
        return keys.rows() + kept;
    }

    private static List<Shard> kept(Manifest published, Set<String> replaced) {
        Set<String> runs = new HashSet<>();
        List<Shard> kept = new ArrayList<>();
        for (Shard shard : published.files()) {
            if (shard.file() != null && !replaced.contains(Partitioning.of(shard.file()))) {
                runs.add(shard.run());
            }
        }
        for (Shard shard : published.files()) {
            boolean stays = shard.file() != null && !replaced.contains(Partitioning.of(shard.file()));
            if (stays) {
                kept.add(shard);
            } else if (shard.quarantine() != null && runs.contains(shard.run())) {
                kept.add(shard.withoutFile());
            }
        }
        return kept;
    }
}
