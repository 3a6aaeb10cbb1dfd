package dev.braid.storage;

import dev.braid.failure.Diagnosis;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * All places that a run reads: the paths of its inputs, what their patterns match, and what links below them lead to. A run
 * writes to none of them. Driver only.
 */
public final class InputPlaces {
    private final List<Place> places = new ArrayList<>();
    private final Configuration hadoop;

    /**
     * A place.
     *
     * @param named the path as the user named it or as it was found
     * @param at where it leads; if it is a link to a file, the directory of that file
     * @param whole whether everything at {@code at} is read, and not only some of its files
     */
    private record Place(Path named, ResolvedPath at, boolean whole) {}

    private InputPlaces(Configuration hadoop) {
        this.hadoop = hadoop;
    }

    /**
     * Follows patterns and links.
     *
     * @param tables paths and patterns of tables, which are read with their directories; one that cannot be opened is left to
     *     its reader, which reports it
     * @param flat paths of directories of which only the files directly in them are read, such as models
     * @throws IOException if the storage does not answer
     */
    public static InputPlaces of(Collection<String> tables, Collection<String> flat, Configuration hadoop)
            throws IOException {
        InputPlaces places = new InputPlaces(hadoop);
        for (String table : tables) {
            places.add(table, Integer.MAX_VALUE);
        }
        for (String directory : flat) {
            places.add(directory, 1);
        }
        return places;
    }

    /** The first input that is {@code path}, contains it or is inside it, as messages name it; empty if there is none. */
    public Optional<String> overlapping(Path path) throws IOException {
        ResolvedPath other = ResolvedPath.of(path, hadoop);
        for (Place place : places) {
            if (other.holds(place.at) || (place.whole && place.at.holds(other))) {
                boolean same = place.at.path().toString().equals(place.named.toString());
                return Optional.of(
                        "input '" + place.named + "'" + (same ? "" : ", which leads to '" + place.at.path() + "'"));
            }
        }
        return Optional.empty();
    }

    private void add(String input, int depth) throws IOException {
        for (Path path : paths(input)) {
            ResolvedPath at = ResolvedPath.of(path, hadoop);
            places.add(new Place(path, at, true));
            Links links = Links.below(at.path(), depth);
            for (Path link : links.toDirectories) {
                places.add(new Place(link, ResolvedPath.of(link, hadoop), true));
            }
            for (Map.Entry<java.nio.file.Path, Path> file : links.byDirectory.entrySet()) {
                ResolvedPath directory =
                        ResolvedPath.of(new Path("file", null, file.getKey().toString()), hadoop);
                places.add(new Place(file.getValue(), directory, false));
            }
        }
    }

    /** The path and what its pattern matches. */
    private List<Path> paths(String input) throws IOException {
        List<Path> paths = new ArrayList<>();
        try {
            paths.add(TablePath.parse(input, hadoop));
            TablePath.resolve(input, hadoop).forEach(found -> paths.add(found.getPath()));
        } catch (IOException | RuntimeException failure) { // unchecked: a malformed path or a missing library
            // The reader reports what a retry cannot help.
            if (!Diagnosis.isPermanent(failure)) {
                throw failure;
            }
        }
        return paths;
    }

    /**
     * Collects links, but none with a hidden name or below such a directory. Directories that cannot be listed, circles of links
     * and links that lead nowhere are left to the reader.
     */
    private static final class Links extends SimpleFileVisitor<java.nio.file.Path> {
        private final java.nio.file.Path root;
        private final List<Path> toDirectories = new ArrayList<>();
        /** Of the links to the files of each directory, the first. */
        private final Map<java.nio.file.Path, Path> byDirectory = new LinkedHashMap<>();

        private Links(java.nio.file.Path root) {
            this.root = root;
        }

        static Links below(Path directory, int depth) throws IOException {
            Links links = new Links(java.nio.file.Path.of(directory.toUri().getPath()));
            if (directory.toUri().getScheme().equals("file")) {
                Files.walkFileTree(links.root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), depth, links);
            }
            return links;
        }

        @Override
        public FileVisitResult preVisitDirectory(java.nio.file.Path directory, BasicFileAttributes attributes) {
            if (directory.equals(root)) {
                return FileVisitResult.CONTINUE;
            }
            if (TablePath.isHidden(directory.getFileName().toString())) {
                return FileVisitResult.SKIP_SUBTREE;
            }
            if (Files.isSymbolicLink(directory)) {
                toDirectories.add(new Path("file", null, directory.toString()));
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(java.nio.file.Path file, BasicFileAttributes attributes) throws IOException {
            boolean isRead = attributes.isRegularFile()
                    && !TablePath.isHidden(file.getFileName().toString());
            if (isRead && Files.isSymbolicLink(file)) {
                byDirectory.putIfAbsent(file.toRealPath().getParent(), new Path("file", null, file.toString()));
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(java.nio.file.Path file, IOException failure) {
            return FileVisitResult.CONTINUE;
        }
    }
}
