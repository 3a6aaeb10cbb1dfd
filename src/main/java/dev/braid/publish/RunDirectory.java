package dev.braid.publish;

import static java.util.Objects.requireNonNull;

import dev.braid.Numbers;
import dev.braid.Shown;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hidden directory next to an output in which a run writes its files. It outlives a run that is killed: the next run with
 * the same input, model and options finds what was finished there, and continues. Driver only.
 */
public final class RunDirectory implements AutoCloseable {
    /** Holds unfinished files, and small files before they are renamed. */
    public static final String ATTEMPTS = "_attempts";

    /** Says which run and which input the files belong to. */
    public static final String PLAN = "_plan.json";

    private static final Logger log = LoggerFactory.getLogger(RunDirectory.class);

    private final Path directory;
    private final FileSystem files;
    private final Owner owner;
    private String id;
    /** Null if the run's files become a new table. */
    private Manifest base;

    /**
     * The run and the input that the files of a directory belong to.
     *
     * @param run its identifier
     * @param identity of the input, the model and the options
     */
    record Plan(String run, String identity) {
        Plan {
            requireNonNull(run);
            requireNonNull(identity);
        }
    }

    private RunDirectory(Path directory, FileSystem files, Owner owner, String id) {
        this.directory = directory;
        this.files = files;
        this.owner = owner;
        this.id = id;
    }

    /**
     * Takes an output: no other run writes it until {@link #close}.
     *
     * @param owner the file that says that the output is taken
     * @throws OutputExistsException if another run writes it
     */
    static RunDirectory take(Path directory, Path owner, FileSystem files, Path output) throws IOException {
        String id = UUID.randomUUID().toString();
        return new RunDirectory(directory, files, Owner.take(owner, files, id, output, Owner.BEAT_MILLIS), id);
    }

    public Path path() {
        return directory;
    }

    /** The run's identifier. If it resumes an earlier run, that run's identifier. */
    public String id() {
        return id;
    }

    /** The table into which the run's files are published; empty if they become a new table. */
    public Optional<Manifest> base() {
        return Optional.ofNullable(base);
    }

    /** The number of files that an earlier run has finished and that are not computed again. */
    public int finishedFiles() throws IOException {
        return (int) new ShardRecords(directory, files)
                .shards().stream()
                        .filter(shard -> shard.file() != null && !shard.plan().startsWith(Shard.ONCE))
                        .count();
    }

    /** Prepares the directory for a run whose files go into {@code table}. */
    void resume(String identity, Manifest table) throws IOException {
        base = table;
        if (finished().isPresent() && !files.exists(new Path(directory, InPlace.NOTE))) {
            log.warn("Removing the finished files of an earlier run, which did not know the table that exists now");
            remove();
        }
        resume(identity);
    }

    /** Prepares the directory: keeps only what an earlier run of the same {@code identity} has finished. */
    void resume(String identity) throws IOException {
        Optional<Manifest> finished = finished();
        Optional<Plan> found = finished.isPresent()
                ? finished.map(manifest -> new Plan(manifest.run(), manifest.identity()))
                : Json.read(new Path(directory, PLAN), Plan.class, files);
        boolean same = found.isPresent() && found.get().identity().equals(identity);
        if (same) {
            id = found.get().run();
        } else {
            if (finished.isPresent()
                    || !new ShardRecords(directory, files).shards().isEmpty()) {
                log.warn("Removing the files of a run that was stopped, because its input, model or options differ");
            }
            remove();
        }
        Path attempts = new Path(directory, ATTEMPTS);
        ShardRecords.makeDirectory(attempts, files);
        if (finished.isEmpty()) {
            files.delete(new Path(directory, Manifest.FILE), true); // not a readable manifest
        }
        Json.write(new Plan(id, identity), new Path(directory, PLAN), attempts, files);
    }

    /** Turns the directory into a table: only the files and the manifest stay. */
    void finish(Manifest manifest) throws IOException {
        files.create(new Path(directory, "_SUCCESS")).close();
        Json.write(manifest, new Path(directory, Manifest.FILE), new Path(directory, ATTEMPTS), files);
        tidy();
    }

    private void tidy() throws IOException {
        Path quarantine = new Path(directory, Manifest.QUARANTINE);
        if (files.exists(quarantine) && files.listStatus(quarantine).length == 0) {
            files.delete(quarantine, true);
        }
        for (String name : List.of(ShardRecords.DIRECTORY, PLAN, ATTEMPTS)) {
            files.delete(new Path(directory, name), true);
        }
    }

    /** The manifest, if a run has finished the table but was stopped before it published it. */
    Optional<Manifest> finished() throws IOException {
        return Manifest.of(directory, files);
    }

    /** Deletes the directory with everything that is finished. */
    void delete() {
        try {
            if (!owner.isTaken()) {
                remove();
            }
        } catch (IOException | RuntimeException failure) {
            log.warn("Unfinished files are still at '{}' ({}); remove them", Shown.of(directory), Shown.of(failure));
        }
    }

    /**
     * First deletes the manifest and the plan, without which the next run ignores the other files: the deletion may be cut
     * short.
     */
    private void remove() throws IOException {
        for (String name : List.of(Manifest.FILE, PLAN)) {
            files.delete(new Path(directory, name), false);
        }
        files.delete(directory, true);
    }

    /**
     * Call it before anything changes at the output's path.
     *
     * @throws OutputExistsException if another run has taken the output over
     */
    void refuseTaken(Path output) throws IOException {
        if (owner.isTaken()) {
            throw new OutputExistsException("Cannot publish '" + output
                    + "': expected this run alone to write it, got another, which took over while this one was paused; wait"
                    + " until the other run ends");
        }
    }

    /** Leaves finished files to the next run. If there are none, deletes the directory. */
    @Override
    public void close() {
        try {
            if (!owner.isTaken() && files.exists(directory) && finished().isEmpty()) {
                int kept = finishedFiles();
                if (kept == 0) {
                    delete();
                } else {
                    log.warn("Kept {}: the same command continues from there", Numbers.plain(kept, "finished file"));
                }
            }
        } catch (IOException | RuntimeException failure) {
            log.warn("Cannot list the finished files in '{}': {}", Shown.of(directory), Shown.of(failure));
        } finally {
            owner.close();
        }
    }
}
