package dev.braid.spark;

import java.util.List;

/**
 * How a table is divided into directories.
 *
 * @param columns whose values name them, from the outermost; none where all files are in the table's own directory
 * @param paths of the partitions that a run writes, as far as the values of its input say: sorted, such as {@code
 *     dt=2026-11-26/lang=en}
 */
public record Partitioning(List<String> columns, List<String> paths) {
    /** The files of a table that is not divided are in its own directory. */
    public static final Partitioning NONE = new Partitioning(List.of(), List.of());

    public Partitioning {
        columns = List.copyOf(columns);
        paths = List.copyOf(paths);
    }

    /** The partition of a file, by its path in the table; empty without one. */
    public static String of(String file) {
        return file.substring(0, Math.max(0, file.lastIndexOf('/')));
    }

    /** Whether a directory of a table holds partitions or files of one. */
    static boolean isPartition(String directory) {
        return directory.indexOf('=') > 0 && !directory.startsWith(".");
    }
}
