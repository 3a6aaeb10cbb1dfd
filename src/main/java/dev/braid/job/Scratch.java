package dev.braid.job;

import java.io.File;

/**
 * The directory of temporary files that {@code jobs/braid} makes for one run. The launcher's lock in it, which the JVM inherits,
 * is held as long as the JVM lives: a later start removes the directory if the run was killed.
 */
final class Scratch {
    private Scratch() {}

    /** Deletes it when the JVM ends, after Spark has deleted what it had there; a directory of anything else stays. */
    static void deleteAtExit(String directory) {
        File lock = new File(directory, "lock");
        if (new File(directory).getName().matches("braid-[A-Za-z0-9]{10}") && lock.isFile()) {
            new File(directory).deleteOnExit(); // in reverse order, and only if it is empty
            lock.deleteOnExit();
        }
    }
}
