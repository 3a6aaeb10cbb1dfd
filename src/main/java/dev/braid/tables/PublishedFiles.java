package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.publish.Manifest;
import dev.braid.publish.Shard;
import dev.braid.storage.StorageCalls;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** The files of tables that Braid wrote, as their manifests name them. A run that was killed may have left others there. */
final class PublishedFiles {
    private PublishedFiles() {}

    /**
     * All files but those that lie in a table of Braid's whose manifest does not name them, in the order of the list.
     *
     * @param listed all files with rows
     * @param roots where they were listed: tables, partitions of tables, or files, which count whatever a manifest says
     * @throws InputException if a manifest names a file below a root that is not there
     */
    static List<FileStatus> named(List<FileStatus> listed, List<FileStatus> roots, Configuration hadoop)
            throws IOException {
        Set<Path> directories = roots.stream()
                .filter(FileStatus::isDirectory)
                .map(FileStatus::getPath)
                .collect(Collectors.toCollection(LinkedHashSet::new));
        Map<Path, Manifest> tables = tables(directories, hadoop);
        if (tables.isEmpty()) {
            return listed;
        }
        Set<Path> expected = new LinkedHashSet<>();
        tables.forEach((table, manifest) -> manifest.files().stream()
                .map(Shard::file)
                .filter(Objects::nonNull)
                .map(file -> new Path(table, file))
                .filter(file -> isBelow(directories, file))
                .forEach(expected::add));
        List<FileStatus> named = listed.stream()
                .filter(file -> !isBelow(directories, file.getPath())
                        || !isBelow(tables.keySet(), file.getPath())
                        || expected.contains(file.getPath()))
                .toList();
        List<Path> missing = new ArrayList<>(expected);
        missing.removeAll(named.stream().map(FileStatus::getPath).collect(Collectors.toSet()));
        if (!missing.isEmpty()) {
            throw new InputException("expected every file that " + Manifest.FILE + " names, got no "
                    + Shown.names(TableFiles.NAMED, missing)
                    + "; if another run is writing that table, start again; otherwise fuse it anew, or delete its "
                    + Manifest.FILE
                    + " to read the files that are there");
        }
        return named;
    }

    /** The manifests of these directories, and of the tables that they are partitions of, by directory. */
    private static Map<Path, Manifest> tables(Set<Path> directories, Configuration hadoop) throws IOException {
        List<Path> asked = directories.stream()
                .flatMap(directory -> Stream.of(directory, LargerTable.base(directory)))
                .distinct()
                .toList();
        List<Optional<Manifest>> found =
                StorageCalls.all(asked, directory -> Manifest.of(directory, directory.getFileSystem(hadoop)));
        Map<Path, Manifest> tables = new LinkedHashMap<>();
        for (int d = 0; d < asked.size(); d++) {
            if (found.get(d).isPresent()) {
                tables.put(asked.get(d), found.get(d).get());
            }
        }
        return tables;
    }

    private static boolean isBelow(Set<Path> directories, Path file) {
        Path above = file.getParent();
        while (above != null && !directories.contains(above)) {
            above = above.getParent();
        }
        return above != null;
    }
}
