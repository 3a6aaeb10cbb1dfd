package dev.braid.publish;

import dev.braid.Numbers;
import dev.braid.failure.TransientException;
import dev.braid.publish.NamedFiles.NamedFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Compares the files of a run with their records, and the number of its rows with the number of the input's keys, before the
 * run is published. Driver only.
 *
 * @param output where the run will be published
 * @param inPlace whether its files will be moved into an existing table one by one
 */
record RunAudit(RunDirectory run, Path output, boolean inPlace, FileSystem files, Configuration hadoop) {
    /**
     * Returns the manifest with the result of the audit. If anything differs, deletes the run's directory.
     *
     * @param keys the number of rows that the table must have, including those that are set aside
     * @throws TransientException with all differences in one message
     */
    Manifest audited(Manifest manifest, long keys) throws IOException {
        Set<String> kept = run.base().map(Manifest::paths).orElse(Set.of());
        Map<String, Long> written = new TreeMap<>();
        long keptRows = 0;
        for (Shard shard : manifest.files()) {
            if (shard.file() != null && kept.contains(shard.file())) {
                keptRows += shard.rows();
            } else if (shard.file() != null) {
                written.put(shard.file(), shard.rows());
            }
        }
        List<String> problems = new ArrayList<>();
        NamedFiles named = new NamedFiles(files, hadoop, problems);
        // A rename would also publish files that no record names.
        List<NamedFile> readable = named.readable(run.path(), "", written, !inPlace);
        named.withColumnsOfTheFirst(readable);
        long rows = readable.stream().mapToLong(NamedFile::rows).sum();
        long found = keptRows + rows + manifest.quarantinedRows();
        if (problems.isEmpty() && keptRows + rows != manifest.rows()) {
            problems.add("expected " + Numbers.plain(manifest.rows(), "row") + " (" + Manifest.FILE + "), got "
                    + (keptRows + rows));
        }
        if (found != keys) {
            problems.add("expected " + Numbers.plain(keys, "row") + " (keys of the input), got " + found);
        }
        if (!problems.isEmpty()) {
            run.delete();
            throw new TransientException(
                    "Cannot publish '" + output + "': " + String.join("; ", problems)
                            + (found == keys
                                    ? "; stop whatever else writes there, and run the same command again"
                                    : "; did the input change while it was read?"),
                    null);
        }
        return manifest.audited(new Manifest.Audit(readable.size(), rows, keys));
    }
}
