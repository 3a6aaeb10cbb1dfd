package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.Shown;
import dev.braid.storage.ResolvedPath;
import dev.braid.storage.StorageCalls;
import dev.braid.storage.TablePath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * The data files of a table as Spark will find them, without files that are empty or hidden by their name ({@code _SUCCESS},
 * {@code _metadata}).
 *
 * @param roots the files and directories that the table's path names
 * @param above the larger table that the roots are partitions of
 * @param files sorted by path
 * @param partitions the columns in the names of directories ({@code name=value}), from the outermost
 * @param ignored hidden files and directories that may hold rows: Parquet files, and what a job that is still writing, or was
 *     killed, has not published
 * @param unnamed files that the manifest of a table which Braid wrote does not name
 * @param empty Parquet files without bytes, which may have been cut
 */
record TableFiles(
        List<Path> roots,
        LargerTable above,
        List<FileStatus> files,
        List<String> partitions,
        List<Path> ignored,
        List<Path> unnamed,
        List<Path> empty) {
    private static final Pattern ESCAPED = Pattern.compile("%([0-9A-Fa-f]{2})");

    /** Where Hadoop's writers keep files until their job ends. */
    private static final String UNPUBLISHED = "_temporary";
    /** How many files a message names. */
    static final int NAMED = 3;

    /** The directories that hold the files. From the names of these, Spark takes no columns. */
    List<Path> directories() {
        return files.stream().map(file -> file.getPath().getParent()).distinct().toList();
    }

    /** A directory whose name has a column but no value, which Spark cannot read; empty if there is none. */
    Optional<Path> withoutValue() {
        for (Path directory : directories()) {
            Path path = directory;
            for (int level = 0; level < partitions.size(); level++) {
                if (path.getName().endsWith("=")) {
                    return Optional.of(path);
                }
                path = path.getParent();
            }
        }
        return Optional.empty();
    }

    /** The same files, seen as files of the larger table: the partition columns above the roots come first. */
    TableFiles fromBase() {
        List<String> all = new ArrayList<>(above.values().keySet());
        all.addAll(partitions);
        return new TableFiles(roots, above, files, all, ignored, unnamed, empty);
    }

    /**
     * A file or directory.
     *
     * @param directories the names of the directories between its root and itself
     * @param hidden whether Spark ignores it
     */
    private record Entry(FileStatus status, List<String> directories, boolean hidden) {
        Path path() {
            return status.getPath();
        }

        /** The directory itself, or the one that holds the file. */
        Path directory() {
            return status.isDirectory() ? path() : path().getParent();
        }

        boolean isData() {
            return status.isFile() && status.getLen() > 0;
        }

        /** Whether it has the name of a Parquet file but no bytes. */
        boolean isEmpty() {
            return !hidden
                    && status.isFile()
                    && status.getLen() == 0
                    && path().getName().endsWith(".parquet");
        }

        /** Whether it may hold rows although it is hidden. */
        boolean mayHoldRows() {
            boolean parquet = path().getName().endsWith(".parquet") && (status.isDirectory() || isData());
            return hidden && (parquet || path().getName().equals(UNPUBLISHED));
        }
    }

    /**
     * Lists the files below {@code path}.
     *
     * @throws InputException if the path does not exist, contains no data file, is a {@link TableFormat}, or contains files
     *     that Spark would leave out
     */
    static TableFiles at(String path, Configuration hadoop) throws IOException {
        List<FileStatus> found = TablePath.resolve(path, hadoop);
        TableFormat.refuse(found, hadoop);
        Path literal = TablePath.parse(path, hadoop);
        List<Entry> roots = found.stream()
                .map(status -> {
                    // A directory that the path names literally is not hidden, whatever its name.
                    boolean named = status.isDirectory() && status.getPath().equals(literal);
                    return new Entry(status, List.of(), !named && isHidden(status));
                })
                .toList();
        List<Entry> all = new ArrayList<>();
        List<Entry> level = roots;
        while (!level.isEmpty()) {
            all.addAll(level);
            List<Entry> directories = level.stream()
                    .filter(entry -> entry.status().isDirectory() && !entry.hidden())
                    .toList();
            level = StorageCalls.all(directories, directory -> children(directory, hadoop)).stream()
                    .flatMap(List::stream)
                    .toList();
        }
        all.sort(Comparator.comparing(entry -> entry.path().toString()));
        List<Entry> files =
                all.stream().filter(entry -> entry.isData() && !entry.hidden()).toList();
        List<FileStatus> listed = files.stream().map(Entry::status).toList();
        List<FileStatus> named = PublishedFiles.named(listed, found, hadoop);
        if (named.size() < listed.size()) {
            files = named.stream()
                    .map(file -> new Entry(file, List.of(), false))
                    .toList();
            roots = files;
        }
        Set<Path> unnamed =
                listed.stream().map(FileStatus::getPath).collect(Collectors.toCollection(LinkedHashSet::new));
        named.forEach(file -> unnamed.remove(file.getPath()));
        List<Path> ignored =
                all.stream().filter(Entry::mayHoldRows).map(Entry::path).toList();
        if (files.isEmpty()) {
            throw new InputException("expected Parquet files, got none"
                    + (ignored.isEmpty() ? "" : " but hidden ones: " + hint(ignored)));
        }
        List<Entry> shown = roots.stream().filter(root -> !root.hidden()).toList();
        return new TableFiles(
                shown.stream().map(Entry::path).toList(),
                LargerTable.of(shown.stream().map(Entry::directory).toList()),
                named,
                partitions(files),
                ignored,
                List.copyOf(unnamed),
                all.stream().filter(Entry::isEmpty).map(Entry::path).toList());
    }

    /**
     * Where each file is, the same for every spelling of the table's path: links and mounts in the paths of the roots are
     * followed.
     */
    List<String> places(Configuration hadoop) throws IOException {
        Set<Path> named = new HashSet<>(roots);
        List<Path> above =
                files.stream().map(file -> above(file.getPath(), named)).toList();
        List<Path> distinct = above.stream().distinct().toList();
        List<Path> resolved =
                StorageCalls.all(distinct, path -> ResolvedPath.of(path, hadoop).path());
        Map<Path, String> places = new HashMap<>();
        for (int d = 0; d < distinct.size(); d++) {
            places.put(distinct.get(d), resolved.get(d).toString());
        }
        return IntStream.range(0, files.size())
                .mapToObj(f -> place(files.get(f).getPath(), above.get(f), places.get(above.get(f))))
                .toList();
    }

    /**
     * The root above a file. A local file may itself be the root, because it may be a link; for any other file, it is a
     * directory.
     */
    private static Path above(Path file, Set<Path> named) {
        Path above = file.toUri().getScheme().equals("file") ? file : file.getParent();
        while (above != null && !named.contains(above)) {
            above = above.getParent();
        }
        return above == null ? file.getParent() : above;
    }

    private static String place(Path file, Path above, String place) {
        String path = file.toString();
        String prefix = above.toString();
        return path.startsWith(prefix) ? place + path.substring(prefix.length()) : path;
    }

    private static boolean isHidden(FileStatus status) {
        return TablePath.isHidden(status.getPath().getName());
    }

    /** Names hidden files and directories, and says why they are hidden and what to do about them. */
    static String hint(List<Path> ignored) {
        boolean unpublished = ignored.stream().anyMatch(path -> path.getName().equals(UNPUBLISHED));
        return Shown.names(NAMED, ignored) + " (the names begin with '_' or '.'); "
                + (unpublished
                        ? "wait for the job that writes them, or remove what it left"
                        : "rename them if they hold rows");
    }

    private static List<Entry> children(Entry directory, Configuration hadoop) throws IOException {
        Path path = directory.path();
        List<Entry> children = new ArrayList<>();
        for (FileStatus child : path.getFileSystem(hadoop).listStatus(path)) {
            String problem = child.isDirectory() ? TableFormat.check(child.getPath(), hadoop) : null;
            if (problem != null) {
                throw new InputException(problem);
            }
            List<String> directories = new ArrayList<>(directory.directories());
            if (child.isDirectory()) {
                directories.add(child.getPath().getName());
            }
            children.add(new Entry(child, directories, isHidden(child)));
        }
        return children;
    }

    /** The partition columns of all files. They must be the same for all, because Spark ignores other files silently. */
    private static List<String> partitions(List<Entry> files) {
        Map<List<String>, Entry> byColumns = new LinkedHashMap<>();
        for (Entry file : files) {
            List<String> columns = file.directories().stream()
                    .map(directory -> directory.indexOf('=') > 0 ? column(directory) : null)
                    .toList();
            byColumns.putIfAbsent(columns, file);
        }
        for (Map.Entry<List<String>, Entry> each : byColumns.entrySet()) {
            if (byColumns.size() > 1 || each.getKey().contains(null)) {
                throw new InputException("expected all files in the directory itself, or all in directories named"
                        + " 'column=value' of the same columns, got "
                        + String.join(
                                " and ",
                                byColumns.values().stream()
                                        .limit(2)
                                        .map(file -> "'" + file.path() + "'")
                                        .toList())
                        + "; pass a pattern that names the directories, such as 'path/*'");
            }
        }
        return byColumns.keySet().iterator().next();
    }

    static String column(String directory) {
        Matcher escaped = ESCAPED.matcher(directory.substring(0, directory.indexOf('=')));
        return escaped.replaceAll(
                found -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(found.group(1), 16))));
    }
}
