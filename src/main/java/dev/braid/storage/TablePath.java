package dev.braid.storage;

import dev.braid.InputException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobExpander;
import org.apache.hadoop.fs.GlobPattern;
import org.apache.hadoop.fs.Path;

/**
 * A path as a user writes it. A path that exists is taken literally, whatever characters it has; any other may be a
 * pattern ({@code * ? [a-z] {a,b}}). Hadoop's own globbing fails at names with a colon, so patterns are matched here.
 */
public final class TablePath {
    private TablePath() {}

    /** The qualified path of a text: a URI if it begins with a scheme and {@code :/}, otherwise a path with any characters. */
    public static Path parse(String text, Configuration hadoop) throws IOException {
        Path path = text.matches("[A-Za-z][A-Za-z0-9+.-]*:/.*") ? new Path(text) : new Path(null, null, text);
        return ResolvedPath.qualified(path, hadoop);
    }

    /**
     * The files and directories that a text names, sorted.
     *
     * @throws InputException if there are none
     */
    public static List<FileStatus> resolve(String text, Configuration hadoop) throws IOException {
        Path path = parse(text, hadoop);
        FileSystem files = path.getFileSystem(hadoop);
        try {
            return List.of(files.getFileStatus(path));
        } catch (FileNotFoundException absent) {
            List<FileStatus> found = isPattern(path) ? match(files, path) : List.of();
            if (found.isEmpty()) {
                throw new InputException(
                        text.contains("/")
                                ? "expected a path that exists, got none"
                                : "expected a path that exists, or a table of Spark's catalog, got neither",
                        absent);
            }
            return found;
        }
    }

    /** Whether readers of Hadoop's file formats ignore a file or directory of that name. */
    public static boolean isHidden(String name) {
        return (name.startsWith("_") && !name.contains("=")) || name.startsWith(".") || name.endsWith("._COPYING_");
    }

    private static boolean isPattern(Path path) {
        return path.toUri().getPath().chars().anyMatch(c -> "*?[{\\".indexOf(c) >= 0);
    }

    private static List<FileStatus> match(FileSystem files, Path pattern) throws IOException {
        Set<Path> found = new LinkedHashSet<>();
        for (String expanded : GlobExpander.expand(pattern.toUri().getPath())) {
            Set<Path> level =
                    Set.of(new Path(pattern.toUri().getScheme(), pattern.toUri().getAuthority(), "/"));
            for (String component : expanded.split("/", -1)) {
                if (!component.isEmpty()) {
                    level = children(files, level, component);
                }
            }
            found.addAll(level);
        }
        List<FileStatus> matched = new ArrayList<>();
        for (Path path : found) {
            try {
                matched.add(files.getFileStatus(path));
            } catch (FileNotFoundException absent) {
                // The end of a pattern need not exist in every directory that its beginning matches.
            }
        }
        matched.sort(null);
        return matched;
    }

    /**
     * The children of directories that match one component of a pattern. Without wildcards, a child may not exist. Hidden
     * children are included only if they may be tables, so that the caller can name them.
     */
    private static Set<Path> children(FileSystem files, Set<Path> directories, String component) throws IOException {
        GlobPattern pattern = new GlobPattern(component);
        Set<Path> children = new LinkedHashSet<>();
        for (Path directory : directories) {
            if (pattern.hasWildcard()) {
                list(files, directory)
                        .map(FileStatus::getPath)
                        .filter(path -> pattern.matches(path.getName())
                                && (!isHidden(path.getName()) || path.getName().endsWith(".parquet")))
                        .forEach(children::add);
            } else {
                String name = component.replaceAll("\\\\(.)", "$1");
                children.add(new Path(directory, new Path(null, null, name)));
            }
        }
        return children;
    }

    private static Stream<FileStatus> list(FileSystem files, Path directory) throws IOException {
        try {
            return files.getFileStatus(directory).isDirectory()
                    ? Arrays.stream(files.listStatus(directory))
                    : Stream.empty();
        } catch (FileNotFoundException absent) {
            return Stream.empty();
        }
    }
}
