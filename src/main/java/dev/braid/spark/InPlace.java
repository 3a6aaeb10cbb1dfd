package dev.braid.spark;

import dev.braid.Shown;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes a finished run into a table that stays at its place: its files are moved into the table's directory, the manifest
 * is replaced, and the files that it does not name any more are deleted. The table is the new one from the moment when its
 * manifest is. Every step can be repeated: the next run finishes what a killed one has begun. Driver only.
 */
final class InPlace {
    /** What to do, in the run's directory: written before the run's manifest, which makes it count. */
    static final String NOTE = "_in_place.json";

    /** What a run's directory holds beside the table's files. */
    private static final Set<String> NOT_PUBLISHED =
            Set.of(NOTE, Manifest.FILE, RunDirectory.ATTEMPTS, RunDirectory.SHARDS, RunDirectory.PLAN);

    private static final Logger log = LoggerFactory.getLogger(InPlace.class);

    private final Path output;
    private final FileSystem files;

    /**
     * What a finished run does to the table.
     *
     * @param over the run that published the manifest that is replaced; null if there is none
     * @param obsolete the files to delete, by their paths in the table
     */
    record Note(String over, List<String> obsolete) {
        Note {
            obsolete = List.copyOf(obsolete);
        }
    }

    InPlace(Path output, FileSystem files) {
        this.output = output;
        this.files = files;
    }

    /** Says in the run's directory that its files go into a table; to be called before its manifest is written. */
    void note(Path run, Optional<Manifest> over, Manifest finished) throws IOException {
        Set<String> obsolete = over.map(Manifest::paths).orElseGet(TreeSet::new);
        obsolete.removeAll(finished.paths());
        Path note = new Path(run, NOTE);
        files.delete(note, false); // of a run that was stopped before its manifest was written
        Note content = new Note(over.map(Manifest::run).orElse(null), new ArrayList<>(obsolete));
        Json.write(content, note, new Path(run, RunDirectory.ATTEMPTS), files);
    }

    /** What a finished run does to the table; empty if it becomes the table itself. */
    Optional<Note> note(Path run) throws IOException {
        return Json.read(new Path(run, NOTE), Note.class, files);
    }

    /** Whether the table is still the one that the run has seen, or already the run's. */
    boolean fits(Note note, Manifest finished) throws IOException {
        String there = Manifest.of(output, files).map(Manifest::run).orElse(null);
        return Objects.equals(there, note.over()) || Objects.equals(there, finished.run());
    }

    /**
     * Publishes, from the step on that a killed run has reached. The run's directory is removed.
     *
     * @throws IOException if the file system fails; nothing is lost then, and publishing may be tried again
     */
    void publish(Path run, Note note, Manifest finished) throws IOException {
        Path scratch = new Path(run, RunDirectory.ATTEMPTS);
        files.mkdirs(scratch);
        StorageCalls.all(unpublished(run), this::move);
        Json.replace(finished, new Path(output, Manifest.FILE), scratch, files);
        try {
            deleteObsolete(note.obsolete());
            // Without a manifest the rest of the directory is of no use, so its deletion may be cut short.
            files.delete(new Path(run, Manifest.FILE), false);
            files.delete(run, true);
        } catch (IOException | RuntimeException failure) { // the new table is in place: that is not the run's failure
            log.warn(
                    "Cannot delete what '{}' does not need any more ({}); the next run deletes it",
                    Shown.of(output),
                    Shown.of(failure));
        }
    }

    /** A file of a run's directory, and its path in the table. */
    private record Unpublished(Path file, String path) {}

    private List<Unpublished> unpublished(Path run) throws IOException {
        List<Unpublished> found = new ArrayList<>();
        int prefix = run.toUri().getPath().length() + 1;
        RemoteIterator<LocatedFileStatus> all = files.listFiles(run, true);
        while (all.hasNext()) {
            Path file = all.next().getPath();
            String path = file.toUri().getPath().substring(prefix);
            if (!NOT_PUBLISHED.contains(path.replaceFirst("/.*", ""))) {
                found.add(new Unpublished(file, path));
            }
        }
        return found;
    }

    private Path move(Unpublished unpublished) throws IOException {
        Path to = new Path(output, unpublished.path());
        files.mkdirs(to.getParent());
        // Names of files carry the run: one that is there already is the same.
        if (!files.rename(unpublished.file(), to) && !files.exists(to)) {
            throw new IOException("Cannot rename '" + unpublished.file() + "' to '" + to + "'");
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
