package dev.braid.tables;

import dev.braid.InputException;
import dev.braid.storage.StorageCalls;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;

/**
 * Formats of tables that keep a list of their current files. The table is not the same as all its Parquet files: some of them
 * hold rows that were removed or never committed, and other files delete rows.
 */
enum TableFormat {
    DELTA("a Delta table", "_delta_log", "removed rows", ".format(\"delta\").load"),
    HUDI("a Hudi table", ".hoodie", "removed rows", ".format(\"hudi\").load"),
    ICEBERG("an Iceberg table", "metadata", "removed rows", ".format(\"iceberg\").load"),
    /** Spark's file sink. Its log says which files it committed; Spark reads the table by that log. */
    STREAM("the output of a streaming query", "_spark_metadata", "rows that it did not commit", ".parquet");

    /** How many directories above a path may be such a table: enough for a file in three levels of partitions. */
    private static final int LEVELS = 4;

    private final String label;
    private final String mark;
    private final String others;
    private final String reader;

    /**
     * A format.
     *
     * @param mark the name of a directory in such a table
     * @param others what its files hold apart from the table's rows
     * @param reader how Spark reads the table, after {@code spark.read}
     */
    TableFormat(String label, String mark, String others, String reader) {
        this.label = label;
        this.mark = mark;
        this.others = others;
        this.reader = reader;
    }

    /**
     * Checks the given directories and those above them.
     *
     * @throws InputException if one is a table of these formats
     */
    static void refuse(List<FileStatus> found, Configuration hadoop) throws IOException {
        Set<Path> directories = new LinkedHashSet<>();
        for (FileStatus status : found) {
            Path directory =
                    status.isDirectory() ? status.getPath() : status.getPath().getParent();
            for (int level = 0; level < LEVELS && directory != null; level++) {
                directories.add(directory);
                directory = directory.getParent();
            }
        }
        List<Path> marks = new ArrayList<>();
        for (Path directory : directories) {
            for (TableFormat format : values()) {
                marks.add(new Path(directory, format.mark));
            }
        }
        StorageCalls.all(marks, mark -> check(mark, hadoop)).stream()
                .filter(Objects::nonNull)
                .findFirst()
                .ifPresent(problem -> {
                    throw new InputException(problem);
                });
    }

    /** The error message about a directory with this child; null if nothing is wrong. */
    static String check(Path child, Configuration hadoop) throws IOException {
        for (TableFormat format : values()) {
            if (format.mark.equals(child.getName()) && format.isAt(child, hadoop)) {
                Path table = child.getParent();
                return "expected Parquet files that are all current, got " + format.label + " ('" + table
                        + "'), whose files may also hold " + format.others
                        + (SnapshotFormat.of(format.name()).isPresent()
                                ? "; pass its name in Spark's catalog, such as catalog.db.table, or"
                                : ";")
                        + " write its current rows as Parquet first, for example"
                        + " spark.read" + format.reader + "(\"" + table + "\").write.parquet(PATH)";
            }
        }
        return null;
    }

    private boolean isAt(Path mark, Configuration hadoop) throws IOException {
        FileSystem files = mark.getFileSystem(hadoop);
        try {
            return this == ICEBERG
                    ? Arrays.stream(files.listStatus(mark))
                            .anyMatch(status -> status.getPath().getName().endsWith(".metadata.json"))
                    : files.getFileStatus(mark).isDirectory();
        } catch (FileNotFoundException | AccessControlException absent) {
            return false; // A directory above the table need not be readable.
        }
    }
}
