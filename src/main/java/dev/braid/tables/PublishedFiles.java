package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.publish.Manifest;
import dev.braid.publish.Shard;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** The files of a table that Braid wrote, as its manifest names them. A run that was killed may have left others there. */
final class PublishedFiles {
    private PublishedFiles() {}

    /**
     * The files that a manifest names, in the order of the list; all files if there is none.
     *
     * @param listed all files with rows
     * @param roots where they were listed; only a single directory can have a manifest
     * @throws InputException if the manifest names a file that is not there
     */
    static List<FileStatus> named(List<FileStatus> listed, List<FileStatus> roots, Configuration hadoop)
            throws IOException {
        if (roots.size() > 1 || !roots.get(0).isDirectory()) {
            return listed;
        }
        Path directory = roots.get(0).getPath();
        Optional<Manifest> manifest = Manifest.of(directory, directory.getFileSystem(hadoop));
        if (manifest.isEmpty()) {
            return listed;
        }
        Set<Path> missing = new LinkedHashSet<>();
        manifest.get().files().stream()
                .map(Shard::file)
                .filter(Objects::nonNull)
                .forEach(file -> missing.add(new Path(directory, file)));
        List<FileStatus> named =
                listed.stream().filter(file -> missing.remove(file.getPath())).toList();
        if (!missing.isEmpty()) {
            throw new InputException("expected every file that its " + Manifest.FILE + " names, got no "
                    + Shown.first(TableFiles.NAMED, List.copyOf(missing)));
        }
        return named;
    }
}
