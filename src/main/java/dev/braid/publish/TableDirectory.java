package dev.braid.publish;

import dev.braid.storage.StorageCalls;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Lists the directory of a table and those of its partitions. Driver only. */
final class TableDirectory {
    private TableDirectory() {}

    /**
     * All files, empty partitions and directories that are not partitions, by their paths in the table, sorted; empty if the
     * directory does not exist. The contents of directories that are not partitions are not listed.
     */
    static Map<String, FileStatus> entries(Path directory, FileSystem files) throws IOException {
        Map<String, FileStatus> entries = new TreeMap<>();
        Map<String, FileStatus> level = new TreeMap<>();
        level.put("", null);
        while (!level.isEmpty()) {
            List<String> paths = List.copyOf(level.keySet());
            Map<String, FileStatus> next = new TreeMap<>();
            List<FileStatus[]> listed = StorageCalls.all(paths, path -> list(directory, path, files));
            for (int d = 0; d < paths.size(); d++) {
                String path = paths.get(d);
                if (listed.get(d).length == 0 && !path.isEmpty()) {
                    entries.put(path, level.get(path));
                }
                for (FileStatus entry : listed.get(d)) {
                    String name = entry.getPath().getName();
                    boolean inner = entry.isDirectory() && Partitioning.isPartition(name);
                    (inner ? next : entries).put(path.isEmpty() ? name : path + "/" + name, entry);
                }
            }
            level = next;
        }
        return entries;
    }

    private static FileStatus[] list(Path directory, String path, FileSystem files) throws IOException {
        try {
            return files.listStatus(path.isEmpty() ? directory : new Path(directory, path));
        } catch (FileNotFoundException none) {
            return new FileStatus[0];
        }
    }

    /** The paths of the {@link #entries}. */
    static Set<String> names(Path directory, FileSystem files) throws IOException {
        return entries(directory, files).keySet();
    }
}
