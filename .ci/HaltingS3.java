package dev.braid.job;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.util.Progressable;

/** S3 as Halting.java has the other file systems: records of tasks are objects that are written at once. */
public final class HaltingS3 extends S3AFileSystem {
    @Override
    public FSDataOutputStream create(
            Path file, FsPermission mode, boolean overwrite, int buffer, short copies, long block, Progressable progress)
            throws IOException {
        Halting.change("create", file, this);
        return super.create(file, mode, overwrite, buffer, copies, block, progress);
    }

    @Override
    public FSDataOutputStreamBuilder<?, ?> createFile(Path file) {
        try {
            Halting.change("create", file, this);
            Halting.hold(file, this);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return super.createFile(file);
    }

    @Override
    public boolean mkdirs(Path directory, FsPermission mode) throws IOException {
        Halting.change("mkdirs", directory, this);
        return super.mkdirs(directory, mode);
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
        Halting.change("rename", from, this);
        return super.rename(from, to);
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
        Halting.change("delete", path, this);
        return super.delete(path, recursive);
    }
}
