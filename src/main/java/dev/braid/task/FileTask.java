package dev.braid.task;

import dev.braid.decode.Reason;
import dev.braid.parquet.FileSchema;
import dev.braid.publish.Json;
import dev.braid.publish.Manifest;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.ShardRecords;
import dev.braid.rows.StoredRow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * A task of a run. It fuses the rows of its partitions and writes them to files. Rows that cannot be fused go to another
 * file. At the end it writes a record that names all its files. A task without a record counts as not run.
 */
final class FileTask implements Function2<Integer, Iterator<StoredRow>, Iterator<Void>> {
    private static final long serialVersionUID = 1L;

    private final FusePartition partition;
    private final FileSchema columns;
    private final PartitionPath paths;
    private final String directory;
    private final String plan;
    private final List<List<Integer>> groups;
    private final RejectedRows rejected;
    private final SerializableConfiguration settings;

    /**
     * The tasks of a run.
     *
     * @param columns of the files, the key first
     * @param paths chooses the directory of a row
     * @param directory of the run
     * @param plan digest of how the input is split
     * @param groups for each task, the partitions of the input that it covers; empty if the task is finished
     * @param settings of Hadoop and of the Parquet writer
     */
    FileTask(
            FusePartition partition,
            FileSchema columns,
            PartitionPath paths,
            String directory,
            String plan,
            List<List<Integer>> groups,
            RejectedRows rejected,
            Configuration settings) {
        this.partition = partition;
        this.columns = columns;
        this.paths = paths;
        this.directory = directory;
        this.plan = plan;
        this.groups = groups;
        this.rejected = rejected;
        this.settings = new SerializableConfiguration(settings);
    }

    @Override
    public Iterator<Void> call(Integer index, Iterator<StoredRow> rows) throws IOException {
        List<Integer> group = groups.get(index);
        if (!group.isEmpty()) {
            write(group, rows);
        }
        return Collections.emptyIterator();
    }

    private void write(List<Integer> group, Iterator<StoredRow> rows) throws IOException {
        Configuration hadoop = settings.value();
        Path path = new Path(directory);
        int first = group.get(0);
        String name = name(first, rejected.run().id(), plan);
        DataType key = columns.columns().fields()[0].dataType();
        try (TaskFiles files = new TaskFiles(path, name, columns, paths, hadoop);
                FileAttempt bad = quarantine(path, name, key, hadoop);
                Quarantine quarantine = new Quarantine(rejected.run(), key, () -> bad)) {
            FusedRows fused = partition.fuse(rows, quarantine, files::vectors);
            while (fused.hasNext()) {
                files.end(fused.next(), fused::countIn);
            }
            if (!fused.stopped()) {
                if (first == 0) {
                    files.showColumns();
                }
                Json.write(
                        shards(group, files.publish(), bad.publish(), quarantine.counts()),
                        ShardRecords.path(path, first),
                        new Path(path, RunDirectory.ATTEMPTS),
                        path.getFileSystem(hadoop));
            }
            fused.written();
            rejected.ended(quarantine);
        }
    }

    /**
     * The name of a task's files, without their endings. If a partition may have other rows when another driver continues the
     * run, each driver uses names of its own: a driver that was taken for dead may still publish files.
     */
    static String name(int first, String run, String plan) {
        String name = String.format(Locale.ROOT, "part-%05d-%s", first, run);
        return plan.startsWith(Shard.ONCE)
                ? name + "-" + plan.substring(Shard.ONCE.length()).split("-", 2)[0]
                : name;
    }

    /** A file of the quarantine. */
    static FileAttempt quarantine(Path directory, String name, DataType key, Configuration settings)
            throws IOException {
        FileSchema columns = new FileSchema(Quarantine.schema(key), List.of());
        return new FileAttempt(directory, Manifest.QUARANTINE + "/" + name, 0, columns, settings);
    }

    /** The record of a task: one shard per file, at least one. The first one has the rows that the task set aside. */
    private List<Shard> shards(
            List<Integer> group, List<TaskFiles.Written> files, String quarantine, Map<Reason, Long> quarantined) {
        Map<String, Long> counts = new TreeMap<>();
        quarantined.forEach((reason, rows) -> counts.put(reason.reasonName(), rows));
        List<TaskFiles.Written> all = files.isEmpty() ? List.of(new TaskFiles.Written(null, new Tally())) : files;
        List<Shard> shards = new ArrayList<>();
        for (TaskFiles.Written file : all) {
            boolean isFirst = shards.isEmpty();
            shards.add(new Shard(
                    plan,
                    group,
                    file.path(),
                    file.tally().rows(),
                    file.tally().tokens(),
                    file.tally().truncated(),
                    file.tally().lengths(),
                    Shard.hex(file.tally().fingerprint()),
                    isFirst ? quarantine : null,
                    isFirst ? counts : Map.of()));
        }
        return shards;
    }
}
