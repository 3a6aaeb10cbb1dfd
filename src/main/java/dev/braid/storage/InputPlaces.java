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
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * All places that a run reads: the paths of its inputs, what their patterns match, and what links below them lead to. A run
 * writes to none of them. Driver only.
 */
public final class InputPlaces {
    private final List<Place> places;

    /** A path as the user named it or as it was found, and where it leads. */
    private record Place(Path named, ResolvedPath at) {}

    private InputPlaces(List<Place> places) {
        this.places = places;
    }

    /**
     * Follows patterns and links.
     *
     * @param inputs paths and patterns; an input that cannot be opened is left to its reader, which reports it
     * @throws IOException if the storage does not answer
     */
    public static InputPlaces of(Collection<String> inputs, Configuration hadoop) throws IOException {
        List<Place> places = new ArrayList<>();
        for (String input : inputs) {
            for (Path path : paths(input, hadoop)) {
                ResolvedPath at = ResolvedPath.of(path, hadoop);
                places.add(new Place(path, at));
                for (Path link : links(at.path())) {
                    places.add(new Place(link, ResolvedPath.of(link, hadoop)));
                }
            }
        }
        return new InputPlaces(places);
    }

    /** The first input that is {@code path}, contains it or is inside it, as messages name it; empty if there is none. */
    public Optional<String> overlapping(Path path, Configuration hadoop) throws IOException {
        ResolvedPath other = ResolvedPath.of(path, hadoop);
        for (Place place : places) {
            if (other.holds(place.at) || place.at.holds(other)) {
                boolean same = place.at.path().toString().equals(place.named.toString());
                return Optional.of(
                        "input '" + place.named + "'" + (same ? "" : ", which leads to '" + place.at.path() + "'"));
            }
        }
        return Optional.empty();
    }

    /** The path and what its pattern matches. */
    private static List<Path> paths(String input, Configuration hadoop) throws IOException {
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

    /** The symbolic links below a local directory, and below the directories that they lead to. */
    private static List<Path> links(Path directory) throws IOException {
        List<Path> links = new ArrayList<>();
        if (directory.toUri().getScheme().equals("file")) {
            java.nio.file.Path root = java.nio.file.Path.of(directory.toUri().getPath());
            Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), Integer.MAX_VALUE, new Links(links));
        }
        return links;
    }

    /** Collects links. Directories that cannot be listed, and circles of links, are left to the reader. */
    private static final class Links extends SimpleFileVisitor<java.nio.file.Path> {
        private final List<Path> links;

        Links(List<Path> links) {
            this.links = links;
        }

        @Override
        public FileVisitResult preVisitDirectory(java.nio.file.Path directory, BasicFileAttributes attributes) {
            return visit(directory);
        }

        @Override
        public FileVisitResult visitFile(java.nio.file.Path file, BasicFileAttributes attributes) {
            return visit(file);
        }

        @Override
        public FileVisitResult visitFileFailed(java.nio.file.Path file, IOException failure) {
            return visit(file);
        }

        private FileVisitResult visit(java.nio.file.Path path) {
            if (Files.isSymbolicLink(path)) {
                links.add(new Path("file", null, path.toString()));
            }
            return FileVisitResult.CONTINUE;
        }
    }
}
