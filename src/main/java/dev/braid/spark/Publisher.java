package dev.braid.spark;

import dev.braid.Shown;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes a finished run: moves the table to its place by a rename, or {@link InPlace its files one by one}. Whatever fails
 * here, the finished files stay, and the message says where.
 */
final class Publisher {
    private static final String RENAME = "expected to rename a directory";

    private static final Logger log = LoggerFactory.getLogger(Publisher.class);

    private final Path output;
    private final boolean overwrite;
    private final Publication publication;
    private final OutputCheck check;
    private final FileSystem files;
    private final InPlace inPlace;

    Publisher(Path output, boolean overwrite, Publication publication, OutputCheck check, FileSystem files) {
        this.output = output;
        this.overwrite = overwrite;
        this.publication = publication;
        this.check = check;
        this.files = files;
        this.inPlace = new InPlace(output, files);
    }

    /**
     * Publishes what is finished.
     *
     * @throws OutputExistsException if there is something now that must not be replaced
     * @throws TransientException if the file system fails
     */
    void publish(RunDirectory run, Manifest finished) {
        String kept = "; the finished files are kept at '" + run.path() + "': the same command publishes them";
        try {
            Optional<InPlace.Note> note = inPlace.note(run.path());
            if (note.isEmpty()) {
                publish(run.path());
            } else if (inPlace.fits(note.get(), finished)) {
                inPlace.publish(run.path(), note.get(), finished);
            } else {
                throw new OutputExistsException("Cannot publish '" + output
                        + "': expected the table as it was when the run began, got another; run it again");
            }
        } catch (OutputExistsException | TransientException told) {
            throw told;
        } catch (IOException | RuntimeException failure) { // object stores throw unchecked ones
            throw failed("expected to move files into it", failure, kept);
        }
    }

    /** Whether the run's files are moved one by one, those that its manifest names alone. */
    boolean isInPlace(RunDirectory run) {
        return run.base().isPresent() || publication == Publication.MANIFEST;
    }

    /**
     * What a run whose files are moved one by one writes before its manifest.
     *
     * @throws OutputExistsException if there is something now that must not be replaced
     */
    void note(RunDirectory run, Manifest finished) throws IOException {
        if (run.base().isPresent()) {
            inPlace.note(run.path(), run.base().get(), finished);
        } else if (isInPlace(run)) {
            check.refuseExisting(overwrite);
            inPlace.noteReplacing(run.path(), finished);
        }
    }

    /**
     * By one rename, or two where an old table is replaced; that is deleted last, or put back.
     *
     * @throws OutputExistsException if there is something now that must not be replaced
     * @throws TransientException if the file system fails
     */
    private void publish(Path finished) {
        String kept = "; the finished table is kept at '" + finished + "': the same command publishes it";
        try {
            if (check.refuseExisting(overwrite)) {
                swap(finished, kept);
            } else {
                move(finished, output);
            }
        } catch (OutputExistsException exists) {
            throw new OutputExistsException(exists.getMessage() + kept);
        } catch (TransientException told) {
            throw told;
        } catch (IOException | RuntimeException failure) { // object stores throw unchecked ones
            throw failed(RENAME, failure, kept);
        }
    }

    private void swap(Path finished, String kept) throws IOException {
        Path replaced = replaced();
        move(output, replaced);
        try {
            move(finished, output);
        } catch (IOException | RuntimeException failure) {
            try {
                move(replaced, output);
            } catch (IOException | RuntimeException again) {
                failure.addSuppressed(again);
                throw failed(
                        RENAME,
                        failure,
                        "; nothing is at that path now: the old table is at '" + replaced + "', the finished one at '"
                                + finished + "'; the same command publishes it");
            }
            throw failed(RENAME, failure, "; the old table is back" + kept);
        }
        deleteReplaced(replaced);
    }

    /** Where the old table is while the new one takes its place. */
    private Path replaced() {
        return check.hidden("replaced");
    }

    /**
     * Finishes, or takes back, what a run that was killed while it published has left.
     *
     * @return what such a run has published, now or just before it was killed
     * @throws IOException if the file system fails
     */
    Optional<Manifest> recover(RunDirectory run) throws IOException {
        Optional<Manifest> finished = run.finished();
        Optional<InPlace.Note> note = finished.isEmpty() ? Optional.empty() : inPlace.note(run.path());
        boolean published = recover(run.path(), finished.isPresent() && note.isEmpty());
        if (note.isEmpty()) {
            return published ? Manifest.of(output, files) : Optional.empty();
        }
        if (inPlace.fits(note.get(), finished.get())) {
            log.warn("Publishing what a run had finished for '{}' when it was killed", Shown.of(output));
            inPlace.publish(run.path(), note.get(), finished.get());
            return finished;
        }
        log.warn("Removing what a run had finished for '{}', as the table is another now", Shown.of(output));
        run.delete();
        return Optional.empty();
    }

    /** The same of a run that publishes by a rename. */
    private boolean recover(Path run, boolean finished) throws IOException {
        Path replaced = replaced();
        if (files.exists(removing())) {
            log.warn(
                    "Removing the rest of the table that a run replaced before it was killed: '{}'",
                    Shown.of(replaced));
            remove(replaced);
        }
        if (!files.exists(replaced)) {
            return false;
        }
        if (files.exists(output)) {
            log.warn("Removing the table that a run replaced before it was killed: '{}'", Shown.of(replaced));
        } else if (finished) {
            log.warn("Publishing '{}', which a run had finished when it was killed", Shown.of(output));
            move(run, output);
        } else {
            log.warn("Putting the table back that was at '{}' when a run was killed", Shown.of(output));
            move(replaced, output);
            return false;
        }
        remove(replaced);
        return true;
    }

    /** A file that exists while the old table is deleted: half of that must never be put back. */
    private Path removing() {
        return check.hidden("removing");
    }

    private boolean remove(Path replaced) throws IOException {
        files.create(removing(), true).close();
        boolean removed = files.delete(replaced, true) || !files.exists(replaced);
        return removed && files.delete(removing(), false);
    }

    private TransientException failed(String expected, Exception failure, String next) {
        return new TransientException(
                "Cannot publish '" + output + "': " + expected + ", got '"
                        + Diagnosis.of(failure).cause() + "'" + next,
                failure);
    }

    /** A rename onto a directory moves into it where another run has published meanwhile; then it is taken back. */
    private void move(Path from, Path to) throws IOException {
        if (files.exists(to)) {
            throw new IOException("'" + to + "' has appeared meanwhile");
        }
        if (!files.rename(from, to)) {
            throw new IOException("Cannot rename '" + from + "' to '" + to + "'");
        }
        Path inside = new Path(to, from.getName().contains(":") ? "./" + from.getName() : from.getName());
        if (files.exists(inside)) {
            throw new IOException("'" + to + "' has appeared meanwhile"
                    + (files.rename(inside, from) ? "" : ", and '" + inside + "' cannot be taken out of it"));
        }
    }

    /** The new table is in place: what goes wrong here is not the run's failure. */
    private void deleteReplaced(Path replaced) {
        try {
            if (!remove(replaced)) {
                log.warn("The replaced table is still at '{}'; remove it", Shown.of(replaced));
            }
        } catch (IOException | RuntimeException failure) {
            log.warn("The replaced table is still at '{}' ({}); remove it", Shown.of(replaced), Shown.of(failure));
        }
    }
}
