package dev.braid.storage;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.EnumSet;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * The local files as objects of {@code gs://bucket}, for tests: an object appears when it is closed, in place of an older one
 * even if another writer has made it since this one looked; a directory cannot be renamed, and needs no creation.
 */
public final class BucketFileSystem extends JvmLocalFileSystem.Raw {
    /** For this configuration alone. */
    public static void register(Configuration hadoop) {
        hadoop.setClass("fs.gs.impl", BucketFileSystem.class, FileSystem.class);
        hadoop.setBoolean("fs.gs.impl.disable.cache", true);
    }

    @Override
    public URI getUri() {
        return URI.create("gs://bucket");
    }

    @Override
    public FSDataOutputStream create(
            Path path, boolean overwrite, int buffer, short copies, long block, Progressable progress)
            throws IOException {
        if (!overwrite && exists(path)) {
            throw new FileAlreadyExistsException(path.toString());
        }
        return new FSDataOutputStream(
                new ByteArrayOutputStream() {
                    private boolean closed;

                    @Override
                    public void close() throws IOException {
                        if (!closed) {
                            closed = true;
                            put(pathToFile(path).toPath(), toByteArray());
                        }
                    }
                },
                null);
    }

    private static void put(java.nio.file.Path file, byte[] bytes) throws IOException {
        Files.createDirectories(file.getParent());
        java.nio.file.Path unseen = file.resolveSibling("." + UUID.randomUUID());
        Files.write(unseen, bytes);
        Files.move(unseen, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public FSDataOutputStream create(
            Path path,
            FsPermission mode,
            boolean overwrite,
            int buffer,
            short copies,
            long block,
            Progressable progress)
            throws IOException {
        return create(path, overwrite, buffer, copies, block, progress);
    }

    @Override
    public FSDataOutputStream createNonRecursive(
            Path path,
            FsPermission mode,
            EnumSet<CreateFlag> flags,
            int buffer,
            short copies,
            long block,
            Progressable progress)
            throws IOException {
        return create(path, flags.contains(CreateFlag.OVERWRITE), buffer, copies, block, progress);
    }

    @Override
    public FileStatus[] listStatus(Path path) throws IOException {
        FileStatus[] found = super.listStatus(path);
        for (int f = 0; f < found.length; f++) {
            found[f] = withoutOwner(found[f]);
        }
        return found;
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
        return withoutOwner(super.getFileStatus(path));
    }

    /** The owner of a local file is asked for by its path, which must be a local one. */
    private static FileStatus withoutOwner(FileStatus file) {
        return new FileStatus(
                file.getLen(), file.isDirectory(), 1, file.getBlockSize(), file.getModificationTime(), file.getPath());
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
        if (getFileStatus(from).isDirectory()) {
            throw new IOException("'" + from + "' is no object");
        }
        if (exists(to)) {
            throw new FileAlreadyExistsException(to.toString());
        }
        return super.rename(from, to);
    }
}
