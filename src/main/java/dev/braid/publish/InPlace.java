package dev.braid.publish;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.braid.Shown;
import dev.braid.storage.ResolvedPath;
import dev.braid.storage.StorageCalls;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes a finished run at the table's path, file by file. It moves the files into the table's directory, writes or
 * replaces the manifest, and deletes the files that the manifest does not name. Readers see the new table as soon as its
 * manifest is written. Every step can be repeated: the next run finishes what a killed one has begun. Driver only.
 */
final class InPlace {
    /**
     * A file in the run's directory that says what to do. It is written before the run's manifest, and ignored until that
     * exists.
     */
    static final String NOTE = "_in_place.json";

    /** An empty file that other programs wait for before they read a table. */
    private static final String SUCCESS = "_SUCCESS";

    private static final Logger log = LoggerFactory.getLogger(InPlace.class);

    private final Path output;
    private final FileSystem files;

    /**
     * What a finished run does to the table.
     *
     * @param replacedRun the run whose manifest is replaced; null if there is none
     * @param obsolete the files to delete, by their paths in the table
     */
    record Note(@JsonProperty("over") String replacedRun, List<String> obsolete) {
        Note {
            obsolete = List.copyOf(obsolete);
        }
    }

    InPlace(Path output, FileSystem files) {
        this.output = output;
        this.files = files;
    }

    /** Writes the note of a run whose files go into an existing table. Call it before the run's manifest is written. */
    void note(Path run, Manifest replaced, Manifest finished) throws IOException {
        note(run, Optional.of(replaced), replaced.paths(), finished);
    }

    /**
     * Writes the note of a run whose files replace everything at the table's path: a table with or without a manifest, or
     * nothing.
     */
    void noteReplacing(Path run, Manifest finished) throws IOException {
        note(run, Manifest.of(output, files), present(), finished);
    }

    private void note(Path run, Optional<Manifest> replaced, Set<String> old, Manifest finished) throws IOException {
        Set<String> obsolete = new TreeSet<>(old);
        obsolete.removeAll(finished.paths());
        Path note = new Path(run, NOTE);
        files.delete(note, false); // left by a run that was stopped before its manifest was written
        Note content = new Note(replaced.map(Manifest::run).orElse(null), new ArrayList<>(obsolete));
        Json.write(content, note, new Path(run, RunDirectory.ATTEMPTS), files);
    }

    /** What a finished run does to the table; empty if the run's directory itself becomes the table. */
    Optional<Note> note(Path run) throws IOException {
        return Json.read(new Path(run, NOTE), Note.class, files);
    }

    /** Whether the table is still the one that the run found when it began, or already the run's own. */
    boolean fits(Note note, Manifest finished) throws IOException {
        Optional<Manifest> there = Manifest.of(output, files);
        if (there.isPresent()) {
            String run = there.get().run();
            return run.equals(note.replacedRun()) || run.equals(finished.run());
        }
        if (note.replacedRun() != null) {
            // Not every file system replaces a file atomically, so the manifest may be missing or incomplete.
            return files.exists(new Path(output, Manifest.FILE)) || isThere(finished);
        }
        Set<String> others = present();
        others.removeAll(note.obsolete());
        others.removeAll(finished.paths());
        return others.isEmpty();
    }

    /** Whether every file of a table is at the table's path. */
    private boolean isThere(Manifest table) throws IOException {
        return present().containsAll(table.paths());
    }

    /** All files at the table's path except its manifest and {@code _SUCCESS}, by their paths in it. */
    private Set<String> present() throws IOException {
        try {
            Set<String> present = new TreeSet<>(below(output));
            present.removeAll(List.of(Manifest.FILE, SUCCESS));
            return present;
        } catch (FileNotFoundException none) {
            return new TreeSet<>();
        }
    }

    /**
     * Publishes, starting with the step that a killed run has reached. Deletes the run's directory.
     *
     * @throws IOException if the file system fails; then nothing is lost, and publishing may be tried again
     */
    void publish(Path run, Note note, Manifest finished) throws IOException {
        Path scratch = new Path(run, RunDirectory.ATTEMPTS);
        files.mkdirs(scratch);
        files.mkdirs(output);
        Set<String> unpublished = finished.paths();
        unpublished.retainAll(below(run)); // The others are there already.
        StorageCalls.all(List.copyOf(unpublished), path -> move(new Path(run, path), new Path(output, path)));
        if (!isThere(finished)) {
            throw new IOException("some of the table's files are gone");
        }
        Json.replace(finished, new Path(output, Manifest.FILE), scratch, files);
        files.create(new Path(output, SUCCESS), true).close();
        try {
            deleteObsolete(note.obsolete());
            // Without its manifest the run's directory is useless, so its deletion may be cut short.
            files.delete(new Path(run, Manifest.FILE), false);
            files.delete(run, true);
        } catch (IOException | RuntimeException failure) { // the run has not failed: the new table is in place
            log.warn(
                    "Cannot delete the obsolete files of '{}' ({}); the next run deletes them",
                    Shown.of(output),
                    Shown.of(failure));
        }
    }

    /** All files below a directory, by their paths in it; none behind links to other directories. */
    private List<String> below(Path directory) throws IOException {
        List<String> found = new ArrayList<>();
        List<String> linked = ResolvedPath.linkedDirectories(directory).stream()
                .map(link -> link.toUri().getPath() + "/")
                .toList();
        int prefix = directory.toUri().getPath().length() + 1;
        RemoteIterator<LocatedFileStatus> all = files.listFiles(directory, true);
        while (all.hasNext()) {
            String path = all.next().getPath().toUri().getPath();
            if (linked.stream().noneMatch(path::startsWith)) {
                found.add(path.substring(prefix));
            }
        }
        return found;
    }

    private Path move(Path from, Path to) throws IOException {
        files.mkdirs(to.getParent());
        boolean moved;
        try {
            moved = files.rename(from, to);
        } catch (FileAlreadyExistsException exists) { // thrown by object stores
            moved = false;
        }
        // File names contain the run's identifier, so a file that is already there is the same.
        if (!moved && !files.exists(to)) {
            throw new IOException("Cannot rename '" + from + "' to '" + to + "'");
        }
        return to;
    }

    private void deleteObsolete(List<String> obsolete) throws IOException {
        StorageCalls.all(obsolete, path -> files.delete(new Path(output, path), false));
        Set<Path> directories = new TreeSet<>(Comparator.reverseOrder()); // inner ones first
        for (String path : obsolete) {
            for (Path directory = new Path(output, path).getParent();
                    !directory.equals(output);
                    directory = directory.getParent()) {
                directories.add(directory);
            }
        }
        for (Path directory : directories) {
            if (files.exists(directory) && files.listStatus(directory).length == 0) {
                files.delete(directory, false);
            }
        }
    }
}
