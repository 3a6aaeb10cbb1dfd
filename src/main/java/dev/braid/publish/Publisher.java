package dev.braid.publish;

import dev.braid.Shown;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes a finished run: by renaming its directory, or by {@link InPlace moving its files one by one}. If this fails, the
 * finished files stay, and the message says where.
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
     * Publishes a finished run.
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

    /** Whether the run's files are moved one by one. If so, only the files that its manifest names are moved. */
    boolean isInPlace(RunDirectory run) {
        return run.base().isPresent() || publication == Publication.MANIFEST;
    }

    /**
     * Writes the note of a run whose files are moved one by one; call it before the run's manifest is written.
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
     * Publishes by one rename, or by two if an old table is replaced. The old table is deleted last, or put back if this
     * fails.
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

    /** Where the old table is while the new one is put in its place. */
    private Path replaced() {
        return check.hidden("replaced");
    }

    /**
     * Finishes or undoes the publication of a run that was killed while it published.
     *
     * @return the table that such a run has published, now or just before it was killed
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
        log.warn("Removing the finished files of a killed run for '{}', as the table has changed", Shown.of(output));
        run.delete();
        return Optional.empty();
    }

    /** Recovers a run that publishes by a rename; returns whether its table is published. */
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

    /** A file that exists while the old table is deleted, so that a half-deleted table is never put back. */
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

    /**
     * Renames a directory. If another run has published meanwhile, the rename moves this directory into the other one; that is
     * undone.
     */
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

    /** Deletes the old table. The new one is in place, so a failure here is not the run's failure. */
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
