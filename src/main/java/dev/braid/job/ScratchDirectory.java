package dev.braid.job;

import java.io.File;

/**
 * The directory of temporary files that {@code jobs/braid} creates for one run. The launcher holds a lock in it, and the
 * JVM inherits the lock. If the JVM is killed, the lock is released, and a later start deletes the directory.
 */
final class ScratchDirectory {
    private ScratchDirectory() {}

    /**
     * Deletes the directory when the JVM ends, after Spark has deleted its own files. A directory that was not made by the
     * launcher stays.
     */
    static void deleteAtExit(String directory) {
        File lock = new File(directory, "lock");
        if (new File(directory).getName().matches("braid-[A-Za-z0-9]{10}") && lock.isFile()) {
            new File(directory).deleteOnExit(); // files are deleted in reverse order, a directory only if it is empty
            lock.deleteOnExit();
        }
    }
}
