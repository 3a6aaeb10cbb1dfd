package dev.braid.publish;

import static java.util.Objects.requireNonNull;

import dev.braid.Shown;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file that says which run writes an output. The run rewrites it every few seconds, so that a killed run can be told from a
 * live one: on the same machine by its process, elsewhere by whether its file still changes. Driver only.
 */
final class Owner implements AutoCloseable {
    static final long BEAT_MILLIS = 5000;
    /** A run is dead if it has not rewritten its file for this many beats. */
    private static final int BEATS = 4;

    private static final Logger log = LoggerFactory.getLogger(Owner.class);

    private final Path file;
    private final FileSystem files;
    private final Claim claim;
    private final ScheduledExecutorService beats;
    private final ScheduledFuture<?> beating;

    /**
     * Identifies the driver of a run.
     *
     * @param run the run's identifier
     * @param place machine and process namespace (a container has its own)
     * @param process the driver's process number in that place
     * @param began when the driver began, which tells it from a later process with the same number
     */
    record Claim(String run, String place, long process, String began) {
        Claim {
            requireNonNull(run);
            requireNonNull(place);
            requireNonNull(began);
        }

        static Claim own(String run) {
            ProcessHandle own = ProcessHandle.current();
            return new Claim(run, here(), own.pid(), start(own));
        }

        private static String here() {
            try {
                return InetAddress.getLocalHost().getHostName() + " "
                        + Files.readSymbolicLink(java.nio.file.Path.of("/proc/self/ns/pid"));
            } catch (IOException | RuntimeException unknown) {
                return "unknown " + ProcessHandle.current().pid();
            }
        }

        private static String start(ProcessHandle process) {
            return process.info().startInstant().map(Instant::toString).orElse("");
        }

        /** Whether its process lives. Only this machine and process namespace ({@link #place}) can tell. */
        boolean lives() {
            return ProcessHandle.of(process)
                    .map(handle -> start(handle).equals(began))
                    .orElse(false);
        }
    }

    private Owner(Path file, FileSystem files, Claim claim, long beatMillis) {
        this.file = file;
        this.files = files;
        this.claim = claim;
        this.beats = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "braid-owner");
            thread.setDaemon(true);
            return thread;
        });
        this.beating = beats.scheduleWithFixedDelay(this::beat, beatMillis, beatMillis, TimeUnit.MILLISECONDS);
    }

    private synchronized void beat() {
        try {
            if (!isTaken()) {
                Json.create(claim, file, true, files);
            }
        } catch (IOException | RuntimeException failure) {
            log.warn(
                    "Cannot rewrite '{}', which tells other runs that this one is alive: {}",
                    Shown.of(file),
                    Shown.of(failure));
        }
    }

    /**
     * Whether another run has taken over the output, which happens if this run stalled for long or lost a close race. The
     * other run may have ended since.
     */
    synchronized boolean isTaken() throws IOException {
        Optional<Claim> there = Json.read(file, Claim.class, files);
        // A full disk may have left half of this run's own file.
        return there.map(other -> !other.equals(claim)).orElse(!files.exists(file));
    }

    /**
     * Takes an output.
     *
     * @param file says that the output is taken
     * @param run the run that writes the output from now on
     * @param output the output, as messages call it
     * @throws OutputExistsException if another run writes it
     */
    static Owner take(Path file, FileSystem files, String run, Path output, long beatMillis) throws IOException {
        Claim own = Claim.own(run);
        Path dead = new Path(file.getParent(), file.getName() + ".dead");
        boolean isObject = Publication.isObjectStore(files, file);
        for (int attempt = 0; ; attempt++) {
            try {
                Json.create(own, file, false, files);
                files.delete(dead, true); // left by a run that was killed while it took over
                if (isObject && (attempt > 0 || !Json.isExclusive(files, file))) {
                    pause(beatMillis);
                    Optional<Claim> last = Json.read(file, Claim.class, files);
                    if (!last.equals(Optional.of(own))) {
                        throw refusal(output, last);
                    }
                }
                return new Owner(file, files, own, beatMillis);
            } catch (FileAlreadyExistsException taken) {
                Optional<Claim> other = Json.read(file, Claim.class, files);
                if (attempt > 0 || lives(other, own, file, files, beatMillis)) {
                    throw refusal(output, other);
                }
                if (isObject) {
                    files.delete(file, false); // The last of several runs finds its own claim after a beat.
                } else if (files.rename(file, dead)) {
                    Optional<Claim> moved = Json.read(dead, Claim.class, files);
                    if (moved.isPresent() && !moved.equals(other)) {
                        files.rename(dead, file); // another run was faster
                    }
                    files.delete(dead, true);
                }
            }
        }
    }

    private static OutputExistsException refusal(Path output, Optional<Claim> other) {
        return new OutputExistsException("Cannot write '" + output
                + "': expected no other run that writes it, got run '"
                + other.map(Claim::run).orElse("?") + "' on '"
                + other.map(claim -> claim.place().split(" ", 2)[0]).orElse("?") + "', process "
                + other.map(Claim::process).orElse(0L) + "; wait until it ends, or stop it");
    }

    private static void pause(long millis) throws IOException {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static boolean lives(Optional<Claim> other, Claim own, Path file, FileSystem files, long beatMillis)
            throws IOException {
        if (other.isPresent() && other.get().place().equals(own.place())) {
            return other.get().lives();
        }
        log.warn(
                "A run elsewhere may be writing the same output: watching for {} seconds whether it is alive",
                BEATS * beatMillis / 1000);
        try {
            long seen = files.getFileStatus(file).getModificationTime();
            for (int beat = 0; beat < BEATS; beat++) {
                pause(beatMillis);
                if (files.getFileStatus(file).getModificationTime() != seen) {
                    return true;
                }
            }
            return false;
        } catch (FileNotFoundException ended) {
            return false;
        }
    }

    /** Releases the output for another run. */
    @Override
    public void close() {
        beating.cancel(false);
        beats.shutdown();
        try {
            beats.awaitTermination(BEAT_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        try {
            if (!isTaken()) {
                files.delete(file, false);
            }
        } catch (IOException | RuntimeException failure) {
            log.warn("Cannot delete '{}' ({}); remove it", Shown.of(file), Shown.of(failure));
        }
    }
}
