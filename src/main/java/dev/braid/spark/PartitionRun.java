package dev.braid.spark;

import dev.braid.InputException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A run that writes partitions of a table, and leaves the others of a table that is there as they are. Driver only.
 *
 * @param table what messages call it
 * @param partitions that the run writes, as far as the values of its input say
 * @param identity digest of the input, the model and the options
 * @param model of the run
 * @param options that decide the rows, the partition columns among them
 * @param overwrite whether partitions that are there may be replaced
 */
public record PartitionRun(
        String table,
        Partitioning partitions,
        String identity,
        Manifest.Model model,
        Map<String, String> options,
        boolean overwrite)
        implements FusedTable.IntoTable {
    /** How many partitions or options a message names. */
    private static final int NAMED = 5;

    /** The files of a run depend on nothing that is there. */
    @Override
    public String identity(Optional<Manifest> published) {
        return identity;
    }

    /**
     * Whether the table's partitions are what this run gives.
     *
     * @throws OutputExistsException if a partition is there that may not be replaced, or one of another model or other options
     *     would stay
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

    private static Set<String> partitions(Manifest published) {
        return published.files().stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> Partitioning.of(shard.file()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private void refuse(List<String> exist) {
        if (!exist.isEmpty()) {
            throw new OutputExistsException("Cannot write '" + table + "': expected partitions that do not exist, got "
                    + first(exist) + "; pass --overwrite to replace exactly the partitions that are written");
        }
    }

    /** Whether all of its files in these partitions are of a run with this identity. */
    private boolean isOf(Manifest published) {
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
        if (!published.model().sha256().equals(model.sha256())) {
            differences.add("a model of SHA-256 " + model.sha256() + " and not "
                    + published.model().sha256());
        }
        for (Manifest.OtherOption option : published.others(options)) {
            differences.add("option '" + option.name() + "' " + option.other() + " and not " + option.there());
        }
        return differences;
    }

    private static String first(List<String> paths) {
        String first = paths.stream().limit(NAMED).collect(Collectors.joining("', '", "'", "'"));
        return paths.size() <= NAMED ? first : first + " and " + (paths.size() - NAMED) + " more";
    }

    /**
     * Refuses kept columns of other types than the partitions that stay have: no reader could read them together.
     *
     * @param published the table that is there
     * @throws InputException naming each of them
     */
    public void checkTypes(Manifest published, PairedTable paired) {
        Optional<String> file = published.files().stream()
                .map(Shard::file)
                .filter(each -> each != null && !partitions.paths().contains(Partitioning.of(each)))
                .findFirst();
        if (partitions.columns().isEmpty() || file.isEmpty()) {
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
     * The files of the table with those of the run: partitions that the run has written are its own.
     *
     * @param published the table that is there
     * @param written what the run wrote
     * @throws OutputExistsException if it wrote a partition that is there and may not be replaced
     */
    public List<Shard> into(Manifest published, List<Shard> written) {
        List<Shard> own = written.stream()
                .filter(shard -> shard.file() != null || shard.quarantine() != null)
                .toList();
        Set<String> replaced = own.stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> Partitioning.of(shard.file()))
                .collect(Collectors.toCollection(TreeSet::new));
        List<Shard> kept = differences(published).isEmpty() ? kept(published, replaced) : List.of();
        if (!overwrite) {
            // The values of a joined table may be others than those of its inputs: null where a modality is missing.
            refuse(replaced.stream().filter(partitions(published)::contains).toList());
        }
        List<Shard> all = new ArrayList<>(kept);
        all.addAll(own);
        return all;
    }

    /**
     * The earlier runs whose files are part of a table.
     *
     * @param published the table that was there
     * @param files of the table
     */
    public List<Manifest.Run> earlier(Optional<Manifest> published, List<Shard> files) {
        Set<String> runs = files.stream().map(Shard::run).collect(Collectors.toSet());
        return published.map(Manifest::runs).orElse(List.of()).stream()
                .filter(run -> runs.contains(run.run()))
                .toList();
    }

    /** How many rows of a table are of other partitions than the run's, with those that are set aside. */
    public long keptRows(Optional<Manifest> published, Manifest table) {
        return published.isEmpty() || partitions.columns().isEmpty()
                ? 0
                : table.files().stream()
                        .filter(shard -> !shard.run().equals(table.run()))
                        .mapToLong(shard -> shard.rows() + shard.setAside())
                        .sum();
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
