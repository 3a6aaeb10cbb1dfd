package dev.braid.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * Hadoop's local files, for .ci/faults: writes a line per change that the driver makes, such as 'rename .out.run 1' (the
 * first one of that name), to the file in the property halting.log, and halts the JVM in place of the change that the property
 * halting.at names. 'torn' behind it: after a directory has lost a half of its files, as a deletion that was cut short.
 */
public final class Halting extends LocalFileSystem {
    private static final Map<String, Integer> SEEN = new HashMap<>();

    @Override
    public FSDataOutputStream create(
            Path file, FsPermission mode, boolean overwrite, int buffer, short copies, long block, Progressable progress)
            throws IOException {
        change("create", file);
        return super.create(file, mode, overwrite, buffer, copies, block, progress);
    }

    @Override
    public boolean mkdirs(Path directory) throws IOException {
        change("mkdirs", directory);
        return super.mkdirs(directory);
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
        change("rename", from);
        return super.rename(from, to);
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
        if (exists(path)) {
            change("delete", path);
        }
        return super.delete(path, recursive);
    }

    private void change(String verb, Path path) throws IOException {
        String thread = Thread.currentThread().getName();
        String name = path.getName().replaceAll("[0-9a-f]{8}-[0-9a-f-]{27}", "ID");
        String log = System.getProperty("halting.log");
        if (log == null || thread.startsWith("Executor task") || thread.startsWith("braid-owner")) {
            return;
        }
        synchronized (SEEN) {
            String step = verb + " " + name + " " + SEEN.merge(verb + " " + name, 1, Integer::sum);
            Files.writeString(
                    java.nio.file.Path.of(log), step + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            String at = System.getProperty("halting.at", "");
            if (at.equals(step + " torn")) {
                tear(path);
            }
            if (at.equals(step) || at.equals(step + " torn")) {
                Runtime.getRuntime().halt(137);
            }
        }
    }

    private void tear(Path directory) throws IOException {
        FileStatus[] files = listStatus(directory);
        for (int i = 0; i < files.length; i++) {
            if (files[i].getPath().getName().startsWith("part-") && i % 2 == 0 || files.length == 1) {
                super.delete(files[i].getPath(), true);
            }
        }
    }
}
