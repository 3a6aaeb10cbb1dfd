package dev.braid.publish;

import java.util.List;

/**
 * How a table is divided into directories.
 *
 * @param columns the columns whose values name the directories, from the outermost; empty if all files are in the table's own
 *     directory
 * @param paths the partitions that a run writes, according to the values of its input, sorted: such as {@code
 *     dt=2026-11-26/lang=en}
 */
public record Partitioning(List<String> columns, List<String> paths) {
    /** No partitions: all files are in the table's own directory. */
    public static final Partitioning NONE = new Partitioning(List.of(), List.of());

    public Partitioning {
        columns = List.copyOf(columns);
        paths = List.copyOf(paths);
    }

    /** The partition of a file, by the file's path in the table; empty if the file is in no partition. */
    public static String of(String file) {
        return file.substring(0, Math.max(0, file.lastIndexOf('/')));
    }

    /** Whether a directory in a table is a partition, or a level above one. */
    static boolean isPartition(String directory) {
        return directory.indexOf('=') > 0 && !directory.startsWith(".");
    }
}
