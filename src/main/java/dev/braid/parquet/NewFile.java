package dev.braid.parquet;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.util.HadoopStreams;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;

/**
 * A new file in an existing directory. Never creates the directory: a task that outlives its failed run must not recreate
 * the directory that the run has deleted.
 */
final class NewFile implements OutputFile, AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 17;

    private final Path path;
    private final FileSystem files;
    /** Null until it is created. */
    private FSDataOutputStream stream;

    NewFile(Path path, Configuration hadoop) throws IOException {
        this.path = path;
        this.files = path.getFileSystem(hadoop);
    }

    @Override
    public PositionOutputStream create(long blockBytes) throws IOException {
        stream = files.createFile(path)
                .overwrite(false)
                .bufferSize(BUFFER_BYTES)
                .blockSize(Math.max(blockBytes, defaultBlockSize()))
                .build();
        return HadoopStreams.wrap(stream);
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockBytes) throws IOException {
        throw new UnsupportedOperationException("a new file replaces none");
    }

    @Override
    public boolean supportsBlockSize() {
        return true;
    }

    @Override
    public long defaultBlockSize() {
        return files.getDefaultBlockSize(path);
    }

    @Override
    public String getPath() {
        return path.toString();
    }

    /** Closes the stream unless it is already closed. */
    @Override
    public void close() throws IOException {
        if (stream != null) {
            stream.close();
        }
    }
}
