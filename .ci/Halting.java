package dev.braid.job;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.util.Progressable;

/**
 * Hadoop's file systems, for .ci/faults; that of S3 is in HaltingS3.java. With the property halting.log, a line per change that
 * the driver makes is written there, such as 'rename .out.run 1' (the first one of that name), and the JVM halts in place of the change that halting.at
 * names; with 'torn' after its name, after a directory has lost half of its files, as by a deletion that was cut short. With
 * halting.hold, a task waits before it records more finished tasks than that, until the file in halting.release exists.
 */
public final class Halting {
    private static final long POLL_MILLIS = 10;
    private static final Map<String, Integer> SEEN = new HashMap<>();

    private Halting() {}

    public static final class Local extends LocalFileSystem {
        @Override
        public FSDataOutputStream create(
                Path file, FsPermission mode, boolean overwrite, int buffer, short copies, long block, Progressable progress)
                throws IOException {
            change("create", file, this);
            return super.create(file, mode, overwrite, buffer, copies, block, progress);
        }

        @Override
        public boolean mkdirs(Path directory) throws IOException {
            change("mkdirs", directory, this);
            return super.mkdirs(directory);
        }

        @Override
        public boolean rename(Path from, Path to) throws IOException {
            change("rename", from, this);
            hold(to, this);
            return super.rename(from, to);
        }

        @Override
        public boolean delete(Path path, boolean recursive) throws IOException {
            change("delete", path, this);
            return super.delete(path, recursive);
        }
    }

    public static final class Hdfs extends DistributedFileSystem {
        @Override
        public FSDataOutputStream create(
                Path file, FsPermission mode, boolean overwrite, int buffer, short copies, long block, Progressable progress)
                throws IOException {
            change("create", file, this);
            return super.create(file, mode, overwrite, buffer, copies, block, progress);
        }

        /** Small files are made so, the manifest that replaces another among them. */
        @Override
        public HdfsDataOutputStreamBuilder createFile(Path file) {
            try {
                change("create", file, this);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
            return super.createFile(file);
        }

        @Override
        public boolean mkdirs(Path directory, FsPermission mode) throws IOException {
            change("mkdirs", directory, this);
            return super.mkdirs(directory, mode);
        }

        @Override
        public boolean rename(Path from, Path to) throws IOException {
            change("rename", from, this);
            hold(to, this);
            return super.rename(from, to);
        }

        @Override
        public boolean delete(Path path, boolean recursive) throws IOException {
            change("delete", path, this);
            return super.delete(path, recursive);
        }
    }

    /** To be called before a change; a file system of another library does so, too. */
    public static void change(String verb, Path path, FileSystem files) throws IOException {
        String thread = Thread.currentThread().getName();
        String name = path.getName().replaceAll("[0-9a-f]{8}-[0-9a-f-]{27}(-[0-9a-f]{8})?", "ID");
        String log = System.getProperty("halting.log");
        if (log == null || thread.startsWith("Executor task") || thread.startsWith("braid-owner")) {
            return;
        }
        // A deletion of what is not there, or a directory that is, changes nothing.
        if (verb.equals("delete") && !files.exists(path) || verb.equals("mkdirs") && files.exists(path)) {
            return;
        }
        synchronized (SEEN) {
            String step = verb + " " + name + " " + SEEN.merge(verb + " " + name, 1, Integer::sum);
            Files.writeString(
                    java.nio.file.Path.of(log), step + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            String at = System.getProperty("halting.at", "");
            if (at.equals(step + " torn")) {
                tear(path, files);
            }
            if (at.equals(step) || at.equals(step + " torn")) {
                Runtime.getRuntime().halt(137);
            }
        }
    }

    private static void tear(Path directory, FileSystem files) throws IOException {
        FileStatus[] entries = files.listStatus(directory);
        for (int i = 0; i < entries.length; i++) {
            if (entries[i].getPath().getName().startsWith("part-") && i % 2 == 0 || entries.length == 1) {
                files.delete(entries[i].getPath(), true);
            }
        }
    }

    /** To be called before a record is written. */
    public static void hold(Path to, FileSystem files) throws IOException {
        Path records = to.getParent();
        Integer most = Integer.getInteger("halting.hold");
        if (most == null || !records.getName().equals("_shards")) {
            return;
        }
        java.nio.file.Path release = java.nio.file.Path.of(System.getProperty("halting.release"));
        synchronized (SEEN) {
            while (!Files.exists(release) && files.listStatus(records).length >= most) {
                try {
                    SEEN.wait(POLL_MILLIS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new InterruptedIOException();
                }
            }
        }
    }
}
