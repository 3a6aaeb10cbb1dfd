package dev.braid.storage;

import java.io.IOException;
import java.net.URI;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The local files as {@code touched://}, where somebody does something at a chosen call, for tests. */
public final class TouchedFileSystem extends JvmLocalFileSystem.Raw {
    private static final AtomicInteger CALLS = new AtomicInteger();
    private static final AtomicInteger OPENED = new AtomicInteger();
    private static volatile int moment = -1;
    private static volatile Action action = () -> {};

    /** What somebody does to the files. */
    public interface Action {
        void run() throws IOException;
    }

    /** A file with the name of its version. */
    private static final class Versioned extends FileStatus implements EtagSource {
        private static final long serialVersionUID = 1L;

        Versioned(FileStatus file) {
            super(file.getLen(), false, 1, file.getBlockSize(), file.getModificationTime(), file.getPath());
        }

        @Override
        public String getEtag() {
            return "v" + getLen();
        }
    }

    public static void register(Configuration hadoop) {
        hadoop.setClass("fs.touched.impl", TouchedFileSystem.class, FileSystem.class);
        hadoop.setBoolean("fs.touched.impl.disable.cache", true);
    }

    /** From now on, {@code does} is run before call number {@code call} (from 0). */
    public static void touch(int call, Action does) {
        CALLS.set(0);
        OPENED.set(0);
        action = does;
        moment = call;
    }

    /** Calls since then. */
    public static int calls() {
        return CALLS.get();
    }

    /** Files that were opened since then. */
    public static int opened() {
        return OPENED.get();
    }

    private static void called() throws IOException {
        if (CALLS.getAndIncrement() == moment) {
            action.run();
        }
    }

    @Override
    public URI getUri() {
        return URI.create("touched:///");
    }

    @Override
    public FSDataInputStream open(Path path, int bufferSize) throws IOException {
        called();
        OPENED.incrementAndGet();
        return super.open(path, bufferSize);
    }

    @Override
    public FileStatus[] listStatus(Path path) throws IOException {
        called();
        FileStatus[] found = super.listStatus(path);
        for (int f = 0; f < found.length; f++) {
            found[f] = found[f].isFile() ? new Versioned(found[f]) : found[f];
        }
        return found;
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
        called();
        return super.getFileStatus(path);
    }
}
