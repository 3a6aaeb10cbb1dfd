package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.Shown;
import java.io.IOException;
import java.util.Collection;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A directory of Parquet files that appears at once and whole, or not at all: written in a {@link RunDirectory} next to its
 * place, audited, then renamed. Driver only.
 */
public final class FusedTable {

    private final Path output;
    private final boolean overwrite;
    private final FileSystem files;
    private final OutputCheck check;
    private final Publisher publisher;
    private final Configuration hadoop;

    private FusedTable(Path output, boolean overwrite, Configuration hadoop) throws IOException {
        this.output = output;
        this.overwrite = overwrite;
        this.files = output.getFileSystem(hadoop);
        this.check = new OutputCheck(output, files);
        this.publisher = new Publisher(output, overwrite, check, files);
        this.hadoop = hadoop;
    }

    /**
     * The place of a fused table, checked before any work is done. A link is followed: the table is written where it
     * leads.
     *
     * @param output a path that does not exist, or a table or an empty directory that may be replaced
     * @param overwrite whether it may be replaced
     * @param inputs the paths of everything that is read, patterns included
     * @throws OutputExistsException if it exists and may not be replaced, or is no table
     * @throws InputException if it is one of the inputs, holds one or lies in one, whatever it is called, or cannot be
     *     created, or its file system is not known
     */
    public static FusedTable at(String output, boolean overwrite, Collection<String> inputs, Configuration hadoop) {
        try {
            Path path = TablePath.parse(output, hadoop);
            if (path.toUri().getScheme().equals("file")) {
                path = Place.of(path, hadoop).path();
            }
            FusedTable table = new FusedTable(path, overwrite, hadoop);
            table.check.refuseOverlap(inputs, hadoop);
            // One with a manifest may turn out to be what this run would write.
            table.check.refuseExisting(
                    overwrite || Manifest.of(path, table.files).isPresent());
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

    /** Writes Parquet files. */
    public interface Writing {
        /**
         * Writes the files of a table.
         *
         * @param directory that holds what an earlier run has finished of them, if anything
         */
        Manifest write(String directory) throws IOException;
    }

    /** Where the table is once it is written. */
    public String path() {
        return output.toString();
    }

    /**
     * Takes the place: until the run directory is closed, no other run writes there. What an earlier run has left is
     * finished, kept for this one, put back or removed, and the log says so.
     *
     * @param identity digest of the input, the model and the options
     * @return empty if there is nothing to do: the table that is published has this identity, and need not be replaced
     * @throws OutputExistsException if another run writes the table, or it exists and may not be replaced
     * @throws InputException if nothing can be written next to it
     */
    public Optional<RunDirectory> begin(String identity) throws IOException {
        check.create(output.getParent());
        Path directory = check.hidden("run");
        RunDirectory run = RunDirectory.take(directory, check.hidden("owner"), files, output);
        try {
            publisher.recover(directory, run.finished().isPresent());
            Optional<Manifest> done = Manifest.of(output, files)
                    .filter(manifest -> manifest.identity().equals(identity));
            if (done.isPresent() && !overwrite) {
                refuseMissing(done.get());
                run.close();
                return Optional.empty();
            }
            check.refuseExisting(overwrite);
            run.resume(identity);
            return Optional.of(run);
        } catch (Exception | Error failure) {
            run.close();
            throw failure;
        }
    }

    /** Refuses a table that lacks a file of its manifest. */
    private void refuseMissing(Manifest manifest) throws IOException {
        for (Shard shard : manifest.files()) {
            if (shard.file() != null && !files.exists(new Path(output, shard.file()))) {
                throw new OutputExistsException("Cannot keep '" + output + "': expected file '" + shard.file() + "' ("
                        + Manifest.FILE + "), got none; pass --overwrite to write the table anew");
            }
        }
    }

    /**
     * Computes what is not finished yet, audits and publishes. Once the rows are written and counted, no failure deletes
     * them; if storage, memory or the like fail before, files that are finished stay for the next run.
     *
     * @param run of this table
     * @param writing writes the table's files
     * @param rows how many rows there must be, with those that are set aside
     * @return what is published
     * @throws InputException if a row cannot be fused; nothing is published then, and what was at the path stays
     * @throws OutputExistsException if something has appeared at the path meanwhile; the message says where the finished
     *     table is
     * @throws TransientException if storage, memory or disk fail, or the input changed while it was read
     */
    public Manifest write(RunDirectory run, Writing writing, long rows) {
        return write(run, writing, rows, () -> {});
    }

    /** The same; {@code publishing} is called right before the table is moved to its place. */
    public Manifest write(RunDirectory run, Writing writing, long rows, Runnable publishing) {
        Manifest manifest;
        try {
            Optional<Manifest> finished = run.finished();
            manifest = finished.isPresent()
                    ? finished.get()
                    : writing.write(run.path().toString());
            audit(run, manifest, rows);
            run.finish(manifest);
        } catch (Exception | Error failure) { // Spark throws checked exceptions that it does not declare
            RuntimeException translated = SparkFailure.translate(failure, "Cannot write '" + output + "'");
            if (translated instanceof InputException) {
                run.delete();
            }
            throw translated;
        }
        publishing.run();
        publisher.publish(run.path());
        return manifest;
    }

    private void audit(RunDirectory run, Manifest manifest, long rows) throws IOException {
        long written = Footers.rows(run.path(), hadoop);
        if (written != manifest.rows() || written + manifest.quarantinedRows() != rows) {
            run.delete();
            throw new TransientException(
                    "Cannot publish '" + output + "': expected " + Shown.count(rows, "row")
                            + " (keys of the input), got " + written + "; did the input change while it was read?",
                    null);
        }
    }
}
