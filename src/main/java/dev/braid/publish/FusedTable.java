package dev.braid.publish;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.storage.InputPlaces;
import dev.braid.storage.ResolvedPath;
import dev.braid.storage.StorageCalls;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A directory of Parquet files that appears as a whole or not at all. It is written in a {@link RunDirectory} next to its
 * final path, audited, and then {@link Publication published} by a rename or by its manifest. Driver only.
 */
public final class FusedTable {
    private final Path output;
    private final boolean overwrite;
    private final FileSystem files;
    private final OutputCheck check;
    private final Publisher publisher;
    private final Configuration hadoop;

    private FusedTable(Path output, boolean overwrite, Optional<Publication> chosen, Configuration hadoop)
            throws IOException {
        this.output = output;
        this.overwrite = overwrite;
        this.files = output.getFileSystem(hadoop);
        this.check = new OutputCheck(output, files);
        this.publisher = new Publisher(output, overwrite, Publication.of(output, chosen, files), check, files);
        this.hadoop = hadoop;
    }

    /**
     * The place of a fused table, checked before any work is done. If the path is a link, the table is written to its target.
     *
     * @param output a path that does not exist, or a table or an empty directory that may be replaced
     * @param overwrite whether an existing table may be replaced
     * @param chosen how it is published; empty for a rename, or for the manifest in an object store
     * @param inputs everything that is read
     * @throws OutputExistsException if it exists and may not be replaced, or is not a table
     * @throws InputException if it is one of the inputs, contains one or is inside one, under any name; if it cannot be
     *     created; or if its file system is unknown or cannot rename as requested
     */
    public static FusedTable at(
            String output, boolean overwrite, Optional<Publication> chosen, InputPlaces inputs, Configuration hadoop) {
        try {
            Path path = ResolvedPath.toWrite(output, hadoop);
            FusedTable table = new FusedTable(path, overwrite, chosen, hadoop);
            table.check.refuseOverlap(inputs);
            // A killed run may have left a half-published table here, which this run will finish.
            if (Manifest.of(table.check.hidden("run"), table.files).isEmpty()) {
                // A table with a manifest may turn out to be what this run would write.
                table.check.refuseExisting(
                        overwrite || Manifest.of(path, table.files).isPresent());
            }
            table.check.refuseUncreatable();
            return table;
        } catch (InputException | OutputExistsException refused) {
            throw refused;
        } catch (IOException | RuntimeException failure) { // unchecked: a malformed path or a missing library
            throw new InputException(
                    "Cannot write '" + output + "': expected a path that can be written, got '"
                            + Diagnosis.of(failure).cause() + "'",
                    failure);
        }
    }

    /** Writes the Parquet files of a table. */
    public interface Writing {
        /**
         * Writes the files of a table.
         *
         * @param directory the run's directory, which may hold files that an earlier run has finished
         */
        Manifest write(String directory) throws IOException;
    }

    /** The path of the table once it is published. */
    public String path() {
        return output.toString();
    }

    /**
     * Reserves the output: until the run directory is closed, no other run writes there. What an earlier run left behind is
     * published, kept for this run, put back or removed; the log says which.
     *
     * @param identity digest of the input, the model and the options
     * @param keep whether to keep a published table of this identity, even if it may be replaced
     * @return empty if there is nothing to do, because the published table has this identity and need not be replaced
     * @throws OutputExistsException if another run writes the table, or it exists and may not be replaced
     * @throws InputException if nothing can be written next to it
     */
    public Optional<RunDirectory> begin(String identity, Predicate<Manifest> keep) throws IOException {
        return take(identity, run -> {
            Optional<Manifest> done = Manifest.of(output, files).filter(there -> isOf(identity, there));
            if (done.isPresent() && (!overwrite || keep.test(done.get()))) {
                refuseMissing(done.get());
                return false;
            }
            check.refuseExisting(overwrite);
            run.resume(identity);
            return true;
        });
    }

    /**
     * The same for a run whose files go into the existing table ({@link RunDirectory#base}): {@link #write} moves them into
     * the table's directory and replaces its manifest. If there is no table, the run is like any other.
     *
     * @throws OutputExistsException if there is something without a manifest that may not be replaced
     * @throws InputException as {@link TableChange#isDone}
     */
    public Optional<RunDirectory> begin(TableChange change) throws IOException {
        return take(change.identity(Optional.empty()), run -> {
            Optional<Manifest> published = Manifest.of(output, files);
            if (published.isEmpty()) {
                if (check.refuseExisting(overwrite)) {
                    change.refuseUnknown(TableDirectory.names(output, files));
                }
                run.resume(change.identity(published));
                return true;
            }
            check.refuseExisting(true);
            if (!overwrite) {
                refuseMissing(published.get());
            }
            if (change.isDone(published.get())) {
                return false;
            }
            run.resume(change.identity(published), published.get());
            return true;
        });
    }

    /** Prepares a run directory; returns false if there is nothing to do. */
    private interface Beginning {
        boolean of(RunDirectory run) throws IOException;
    }

    /** Whether a run of this identity would write this table. A table that an update wrote may have kept other rows. */
    private static boolean isOf(String identity, Manifest table) {
        return table.identity().equals(identity) && table.update() == null;
    }

    /**
     * Reserves the output, finishes what a killed run has begun, and prepares the run's directory.
     *
     * @param identity of the run. If a killed run of this identity had finished the table, that table is published and not
     *     replaced
     */
    private Optional<RunDirectory> take(String identity, Beginning beginning) throws IOException {
        check.create(output.getParent());
        RunDirectory run = RunDirectory.take(check.hidden("run"), check.hidden("owner"), files, output);
        try {
            Optional<Manifest> recovered = publisher.recover(run);
            boolean isRecovered =
                    recovered.filter(there -> isOf(identity, there)).isPresent();
            if (!(isRecovered && overwrite) && beginning.of(run)) {
                return Optional.of(run);
            }
            run.close();
            return Optional.empty();
        } catch (Exception | Error failure) {
            run.close();
            throw failure;
        }
    }

    /** Refuses to keep a table if a file of its manifest is missing. */
    private void refuseMissing(Manifest manifest) throws IOException {
        List<String> named = List.copyOf(manifest.paths());
        List<Boolean> there = StorageCalls.all(named, path -> files.exists(new Path(output, path)));
        int missing = there.indexOf(false);
        if (missing >= 0) {
            throw new OutputExistsException("Cannot keep '" + output + "': expected file '" + named.get(missing) + "' ("
                    + Manifest.FILE + "), got none; pass --overwrite to write the table anew");
        }
    }

    /**
     * Writes the files that are not finished yet, audits all and publishes them. Once the rows are written and counted, no
     * failure deletes them. If storage, memory or the like fails before that, finished files stay for the next run.
     *
     * @param run of this table
     * @param writing writes the table's files
     * @param rows the number of rows that the table of a manifest must have, including those that are set aside
     * @param publishing called right before the table changes
     * @return what is published
     * @throws InputException if a row cannot be fused; then nothing is published, and what was at the path stays
     * @throws OutputExistsException if something appeared at the path meanwhile; the message says where the finished table is
     * @throws TransientException if storage, memory or disk fails, or the input changed while it was read
     */
    public Manifest write(RunDirectory run, Writing writing, ToLongFunction<Manifest> rows, Runnable publishing) {
        Manifest manifest;
        try {
            Optional<Manifest> finished = run.finished();
            manifest = finished.isPresent()
                    ? finished.get()
                    : writing.write(run.path().toString());
            manifest = new RunAudit(run, output, publisher.isInPlace(run), files, hadoop)
                    .audited(manifest, rows.applyAsLong(manifest));
            run.refuseTaken(output);
            publisher.note(run, manifest);
            run.finish(manifest);
        } catch (Exception | Error failure) { // Spark throws checked exceptions that it does not declare
            RuntimeException translated = SparkFailure.translate(failure, "Cannot write '" + output + "'");
            if (translated instanceof InputException) {
                run.delete();
            }
            throw translated;
        }
        publishing.run();
        publisher.publish(run, manifest);
        return manifest;
    }

    /**
     * Also writes the rows of the published table to a table of the catalog, unless that is done, and records the snapshot in
     * the manifest.
     *
     * @param identity of the run that published the table
     * @return the manifest, with the snapshot
     * @throws OutputExistsException if another run writes here, or has published something else
     * @throws InputException if the run's identifier in the manifest does not have Braid's form
     * @throws TransientException as {@link SecondOutput#commit}
     */
    public Manifest commit(String identity, SecondOutput second) throws IOException {
        try (RunDirectory run = RunDirectory.take(check.hidden("run"), check.hidden("owner"), files, output)) {
            Manifest published = Manifest.of(output, files)
                    .filter(there -> isOf(identity, there))
                    .orElseThrow(
                            () -> new OutputExistsException(
                                    "Cannot write the rows of '" + output
                                            + "' to a table: expected what this run has published there, got something else; run it again"));
            refuseMissing(published);
            if (!Shard.RUN.matcher(published.run()).matches()) {
                throw new InputException("Cannot write the rows of '" + output
                        + "' to a table: expected a run's identifier in '" + Manifest.FILE + "', got '"
                        + published.run() + "'");
            }
            Manifest.Committed done = second.commit(published, output, () -> run.refuseTaken(output));
            Manifest committed = published.committed(done);
            if (committed.equals(published)) {
                return published;
            }
            run.refuseTaken(output);
            files.mkdirs(run.path());
            Json.replace(committed, new Path(output, Manifest.FILE), run.path(), files);
            return committed;
        }
    }
}
