package dev.braid.publish;

import dev.braid.storage.StorageCalls;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The records of the tasks that a run has finished, in the run's directory: a JSON file per task, which lists the files that the
 * task wrote. A task writes its record last, so a task without a record is done again.
 *
 * @param run the directory of the run
 */
public record ShardRecords(Path run, FileSystem files) {
    /** The directory of the records, inside the run's own. */
    static final String DIRECTORY = "_shards";

    /** The directories inside a run's own that tasks write to. */
    private static final List<String> INNER = List.of(RunDirectory.ATTEMPTS, DIRECTORY, Manifest.QUARANTINE);

    /** The path of the record of the task whose first partition is {@code partition}. */
    public static Path path(Path run, int partition) {
        return new Path(new Path(run, DIRECTORY), String.format(Locale.ROOT, "%05d.json", partition));
    }

    private static String name(Shard shard) {
        return path(new Path("/"), shard.partitions().get(0)).getName();
    }

    /** What the finished tasks wrote. */
    public List<Shard> shards() throws IOException {
        return records().stream().flatMap(List::stream).toList();
    }

    /** The records, one list per task. Files that are not records are ignored. */
    private List<List<Shard>> records() throws IOException {
        List<List<Shard>> records = new ArrayList<>();
        try {
            List<FileStatus> written = List.of(files.listStatus(new Path(run, DIRECTORY)));
            List<Optional<Shard[]>> read =
                    StorageCalls.all(written, record -> Json.read(record.getPath(), Shard[].class, files));
            for (int r = 0; r < written.size(); r++) {
                FileStatus record = written.get(r);
                List<Shard> shards = read.get(r).map(Arrays::asList).orElse(List.of());
                boolean isRecord = !shards.isEmpty()
                        && shards.stream()
                                .allMatch(shard -> shard != null
                                        && !shard.partitions().isEmpty()
                                        && record.getPath().getName().equals(name(shard)));
                if (isRecord) {
                    records.add(shards);
                }
            }
        } catch (FileNotFoundException none) {
            // No task has finished.
        }
        return records;
    }

    /**
     * Prepares the directory for tasks: removes everything except finished files and their records.
     *
     * @param plan digest of how the input is split. A task with another plan, or whose files are gone, is done again
     * @return what the tasks that need not be done again wrote
     */
    public List<Shard> keepFinished(String plan) throws IOException {
        for (String name : INNER) {
            makeDirectory(new Path(run, name), files);
        }
        Path quarantine = new Path(run, Manifest.QUARANTINE);
        Set<String> written = TableDirectory.names(run, files);
        Set<String> setAside = TableDirectory.names(quarantine, files);
        List<Shard> finished = records().stream()
                .filter(record -> record.stream()
                        .allMatch(shard -> shard.plan().equals(plan)
                                && (shard.file() == null || written.contains(shard.file()))
                                && (shard.quarantine() == null || setAside.contains(shard.quarantine()))))
                .flatMap(List::stream)
                .toList();
        Set<String> kept = new HashSet<>(INNER);
        kept.add(RunDirectory.PLAN);
        finished.forEach(shard -> kept.add(shard.file()));
        deleteOthers(run, kept);
        deleteOthers(new Path(run, RunDirectory.ATTEMPTS), Set.of());
        deleteOthers(
                new Path(run, DIRECTORY),
                finished.stream().map(ShardRecords::name).collect(Collectors.toSet()));
        deleteOthers(
                quarantine, finished.stream().map(Shard::quarantine).collect(Collectors.toCollection(HashSet::new)));
        return finished;
    }

    /** Makes a directory. If a file has its name, the file is removed. */
    static void makeDirectory(Path directory, FileSystem files) throws IOException {
        if (files.exists(directory) && !files.getFileStatus(directory).isDirectory()) {
            files.delete(directory, false);
        }
        files.mkdirs(directory);
    }

    /** Deletes what is in a directory except {@code kept}, which are paths inside it; null is ignored. */
    private void deleteOthers(Path directory, Set<String> kept) throws IOException {
        Map<String, Set<String>> inside = new HashMap<>();
        for (String path : kept) {
            if (path != null) {
                int end = path.indexOf('/');
                Set<String> own =
                        inside.computeIfAbsent(end < 0 ? path : path.substring(0, end), name -> new HashSet<>());
                if (end >= 0) {
                    own.add(path.substring(end + 1));
                }
            }
        }
        for (FileStatus entry : files.listStatus(directory)) {
            Set<String> own = inside.get(entry.getPath().getName());
            if (own == null || (!own.isEmpty() && !entry.isDirectory())) {
                files.delete(entry.getPath(), true);
            } else if (!own.isEmpty()) {
                deleteOthers(entry.getPath(), own);
            }
        }
    }
}
