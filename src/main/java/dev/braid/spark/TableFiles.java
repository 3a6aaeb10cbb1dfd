package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/**
 * The data files of a table, as Spark will find them: not those that are empty or hidden by their name ({@code _SUCCESS},
 * {@code _metadata}).
 *
 * @param roots what the table's path stands for
 * @param files sorted by path
 * @param partitions the columns that directories ({@code name=value}) hold, from the outermost
 */
record TableFiles(List<Path> roots, List<FileStatus> files, List<String> partitions) {
    private static final Pattern ESCAPED = Pattern.compile("%([0-9A-Fa-f]{2})");

    /** A file or directory, and the names of the directories between its root and it. */
    private record Entry(FileStatus status, List<String> directories) {}

    /**
     * Lists the files below {@code path}.
     *
     * @throws InputException if the path does not exist, holds no data file, is a {@link ManagedTable}, or holds files
     *     that Spark would leave out
     */
    static TableFiles at(String path, Configuration hadoop) throws IOException {
        List<FileStatus> found = TablePath.resolve(path, hadoop);
        ManagedTable.refuse(found, hadoop);
        List<Entry> files = new ArrayList<>();
        List<Entry> level =
                found.stream().map(status -> new Entry(status, List.of())).toList();
        while (!level.isEmpty()) {
            level.stream().filter(TableFiles::isData).forEach(files::add);
            List<Entry> directories =
                    level.stream().filter(entry -> entry.status().isDirectory()).toList();
            level = StorageCalls.all(directories, directory -> children(directory, hadoop)).stream()
                    .flatMap(List::stream)
                    .toList();
        }
        if (files.isEmpty()) {
            throw new InputException("expected Parquet files, got none");
        }
        files.sort(Comparator.comparing(entry -> entry.status().getPath().toString()));
        return new TableFiles(
                found.stream().map(FileStatus::getPath).toList(),
                files.stream().map(Entry::status).toList(),
                partitions(files));
    }

    private static boolean isData(Entry entry) {
        return entry.status().isFile()
                && entry.status().getLen() > 0
                && !TablePath.isHidden(entry.status().getPath().getName());
    }

    private static List<Entry> children(Entry directory, Configuration hadoop) throws IOException {
        Path path = directory.status().getPath();
        List<Entry> children = new ArrayList<>();
        for (FileStatus child : path.getFileSystem(hadoop).listStatus(path)) {
            String problem = child.isDirectory() ? ManagedTable.check(child.getPath(), hadoop) : null;
            if (problem != null) {
                throw new InputException(problem);
            }
            if (!TablePath.isHidden(child.getPath().getName())) {
                List<String> directories = new ArrayList<>(directory.directories());
                if (child.isDirectory()) {
                    directories.add(child.getPath().getName());
                }
                children.add(new Entry(child, directories));
            }
        }
        return children;
    }

    /** The partition columns of all files, which must be the same: Spark reads no other file, and says nothing. */
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
                                        .map(file -> "'" + file.status().getPath() + "'")
                                        .toList())
                        + "; pass a pattern that names the directories, such as 'path/*'");
            }
        }
        return byColumns.keySet().iterator().next();
    }

    private static String column(String directory) {
        Matcher escaped = ESCAPED.matcher(directory.substring(0, directory.indexOf('=')));
        return escaped.replaceAll(
                found -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(found.group(1), 16))));
    }
}
