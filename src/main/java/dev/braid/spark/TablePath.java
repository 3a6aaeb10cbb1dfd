package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The path of a table as a user writes it. Driver only. */
public final class TablePath {
    private TablePath() {}

    /**
     * Looks whether there is something at each path, before anything expensive is done.
     *
     * @throws InputException naming every path that leads to nothing or cannot be asked
     */
    public static void refuseAbsent(Collection<String> tables, Configuration hadoop) {
        List<String> problems = new ArrayList<>();
        for (String table : new LinkedHashSet<>(tables)) {
            try {
                if (find(table, hadoop).isEmpty()) {
                    problems.add("table '" + table + "': expected a path that exists, got none");
                }
            } catch (IOException | RuntimeException failure) {
                String problem = "table '" + table + "': expected a path that can be opened, got "
                        + Diagnosis.of(failure).cause();
                if (!Diagnosis.isInput(failure)) {
                    throw new InputException("Cannot open feature tables:\n  " + problem, failure);
                }
                problems.add(problem);
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot open feature tables", problems);
        }
    }

    /**
     * A path as a user writes it. A colon makes a URI only before a slash: {@code run_2024-01-01T00:00:00} is a name.
     *
     * @throws IllegalArgumentException if it is empty or no URI can be made of it
     */
    static Path parse(String text) {
        return text.matches("[^/]*:.*") && !text.matches("[A-Za-z][A-Za-z0-9+.-]*:/.*")
                ? new Path("./" + text)
                : new Path(text);
    }

    /** What is at {@code path}, or else what it matches as a pattern; empty if there is nothing. */
    static List<Path> find(String path, Configuration hadoop) throws IOException {
        Path literal = parse(path);
        FileSystem files = literal.getFileSystem(hadoop);
        if (files.exists(literal)) {
            return List.of(Place.qualified(literal, hadoop));
        }
        List<Path> found = new ArrayList<>();
        FileStatus[] matches = files.globStatus(literal);
        for (FileStatus match : matches == null ? new FileStatus[0] : matches) {
            found.add(Place.qualified(match.getPath(), hadoop));
        }
        return found;
    }
}
