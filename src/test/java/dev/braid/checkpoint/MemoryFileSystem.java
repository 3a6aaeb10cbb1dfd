package dev.braid.checkpoint;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** Files of the scheme {@code memory} in one directory, {@code memory:/model}, for tests that read very many of them. */
public final class MemoryFileSystem extends FileSystem {
    static final String DIRECTORY = "memory:/model";

    private static final Map<String, byte[]> FILES = new ConcurrentHashMap<>();

    /** A configuration that knows the scheme. */
    static Configuration hadoop() {
        Configuration hadoop = new Configuration(false);
        hadoop.setClass("fs.memory.impl", MemoryFileSystem.class, FileSystem.class);
        return hadoop;
    }

    static void write(String file, byte[] bytes) {
        FILES.put(file, bytes);
    }

    static void clear() {
        FILES.clear();
    }

    @Override
    public URI getUri() {
        return URI.create("memory:/");
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
        if (path.toUri().getPath().equals("/model")) {
            return new FileStatus(0, true, 1, 1, 0, path);
        }
        byte[] bytes = FILES.get(path.getName());
        if (bytes == null) {
            throw new FileNotFoundException(path.toString());
        }
        return new FileStatus(bytes.length, false, 1, 1, 0, path);
    }

    @Override
    public FSDataInputStream open(Path path, int bufferSize) throws IOException {
        getFileStatus(path);
        return new FSDataInputStream(new Bytes(FILES.get(path.getName())));
    }

    private static final class Bytes extends FSInputStream {
        private final byte[] bytes;
        private int position;

        Bytes(byte[] bytes) {
            this.bytes = bytes;
        }

        @Override
        public void seek(long to) throws IOException {
            if (to < 0 || to > bytes.length) {
                throw new EOFException("seek to " + to);
            }
            position = (int) to;
        }

        @Override
        public long getPos() {
            return position;
        }

        @Override
        public boolean seekToNewSource(long target) {
            return false;
        }

        @Override
        public int read() {
            return position < bytes.length ? bytes[position++] & 0xff : -1;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) {
            if (position == bytes.length) {
                return -1;
            }
            int count = Math.min(length, bytes.length - position);
            System.arraycopy(bytes, position, buffer, offset, count);
            position += count;
            return count;
        }
    }

    @Override
    public FileStatus[] listStatus(Path path) {
        return FILES.keySet().stream()
                .map(name -> new FileStatus(FILES.get(name).length, false, 1, 1, 0, new Path(path, name)))
                .toArray(FileStatus[]::new);
    }

    @Override
    public Path getWorkingDirectory() {
        return new Path(DIRECTORY);
    }

    @Override
    public void setWorkingDirectory(Path path) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FSDataOutputStream create(
            Path path,
            FsPermission permission,
            boolean overwrite,
            int bufferSize,
            short replication,
            long blockSize,
            Progressable progress) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FSDataOutputStream append(Path path, int bufferSize, Progressable progress) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean rename(Path from, Path to) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean delete(Path path, boolean recursive) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean mkdirs(Path path, FsPermission permission) {
        throw new UnsupportedOperationException();
    }
}
