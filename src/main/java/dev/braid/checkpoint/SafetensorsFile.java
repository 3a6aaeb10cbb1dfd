package dev.braid.checkpoint;

import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A safetensors file on any Hadoop file system. Opening it reads and checks the header ({@link SafetensorsHeader}); the
 * bytes of a tensor are read only when it is asked for.
 */
public final class SafetensorsFile implements Closeable {
    static final String CUT_SHORT = "; the file may be cut short: copy it again";

    /** The beginning of the text file that a clone without Git LFS has instead of the real file. */
    private static final String LFS_POINTER = "version ";

    private final String name;
    private final FSDataInputStream in;
    private final long dataStart;
    private final SafetensorsHeader.Contents header;

    private SafetensorsFile(String name, FSDataInputStream in, long dataStart, SafetensorsHeader.Contents header) {
        this.name = name;
        this.in = in;
        this.dataStart = dataStart;
        this.header = header;
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws InputException if the file does not exist or is not a safetensors file
     */
    public static SafetensorsFile open(Path path, Configuration hadoop) {
        try {
            FileSystem files = path.getFileSystem(hadoop);
            FileStatus status = files.getFileStatus(path);
            FSDataInputStream in = ModelFile.open(path, files);
            try {
                return open(path.getName(), in, status.getLen());
            } catch (IOException | RuntimeException e) {
                in.close();
                throw e;
            }
        } catch (IOException e) {
            throw unreadable(path.getName(), e);
        }
    }

    private static SafetensorsFile open(String name, FSDataInputStream in, long fileBytes) throws IOException {
        if (fileBytes < Long.BYTES) {
            throw new InputException("Cannot read " + name + ": expected at least " + Long.BYTES
                    + " bytes (the length of a header), got " + fileBytes + CUT_SHORT);
        }
        byte[] length = new byte[Long.BYTES];
        in.readFully(0, length);
        long headerBytes =
                ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong();
        long limit = Math.min(SafetensorsHeader.MAX_BYTES, fileBytes - Long.BYTES);
        if (headerBytes < 0 || headerBytes > limit) {
            boolean pointer = new String(length, StandardCharsets.US_ASCII).equals(LFS_POINTER);
            boolean tooLong = limit == SafetensorsHeader.MAX_BYTES;
            throw new InputException("Cannot read " + name + ": expected a header of at most " + limit + " bytes ("
                    + (tooLong ? "the format's limit" : "the rest of the file") + "), got "
                    + (pointer
                            ? "a Git LFS pointer; run git lfs pull where it was cloned"
                            : Long.toUnsignedString(headerBytes) + (tooLong ? "" : CUT_SHORT)));
        }
        byte[] header = new byte[(int) headerBytes];
        in.readFully(Long.BYTES, header);
        long dataStart = Long.BYTES + headerBytes;
        return new SafetensorsFile(name, in, dataStart, SafetensorsHeader.parse(name, header, fileBytes - dataStart));
    }

    /** The file's name without its directory. */
    String name() {
        return name;
    }

    /** All tensors by name, in the header's order. */
    public Map<String, TensorEntry> entries() {
        return header.entries();
    }

    /** Further names of some of the tensors, each with the name under which its tensor is stored. */
    Map<String, String> aliases() {
        return header.aliases();
    }

    /**
     * Reads one tensor.
     *
     * @throws InputException if the file has no such tensor or cannot be read
     */
    public StoredTensor read(String tensor) {
        TensorEntry entry = header.entries().get(tensor);
        if (entry == null) {
            throw new InputException(
                    "Cannot read tensor " + Quote.of(tensor) + " from " + name + ": expected one, got no such tensor");
        }
        return read(entry);
    }

    /**
     * Reads one tensor. It gets the name of {@code entry}, which may differ from the name in the file.
     *
     * @throws InputException if the file cannot be read
     */
    StoredTensor read(TensorEntry entry) {
        return new StoredTensor(entry.name(), entry.dtype(), entry.shape(), readBytes(entry.begin(), entry.end()));
    }

    /**
     * Reads one of {@code slices} equal parts of a tensor's rows.
     *
     * @throws InputException if the file cannot be read
     */
    StoredTensor readRows(TensorEntry entry, int slice, int slices) {
        long[] dimensions = new long[entry.shape().rank()];
        for (int axis = 0; axis < dimensions.length; axis++) {
            dimensions[axis] = entry.shape().dimension(axis);
        }
        dimensions[0] /= slices;
        long bytes = (entry.end() - entry.begin()) / slices;
        long begin = entry.begin() + slice * bytes;
        String rows = "[" + slice * dimensions[0] + ":" + (slice + 1) * dimensions[0] + "]";
        return new StoredTensor(
                entry.name() + rows, entry.dtype(), Shape.of(dimensions), readBytes(begin, begin + bytes));
    }

    private byte[][] readBytes(long begin, long end) {
        byte[][] chunks =
                new byte[Math.toIntExact((end - begin + StoredTensor.CHUNK_BYTES - 1) / StoredTensor.CHUNK_BYTES)][];
        try {
            long position = begin;
            for (int i = 0; i < chunks.length; i++) {
                chunks[i] = new byte[(int) Math.min(StoredTensor.CHUNK_BYTES, end - position)];
                in.readFully(dataStart + position, chunks[i]);
                position += chunks[i].length;
            }
        } catch (IOException e) {
            throw unreadable(name, e);
        }
        return chunks;
    }

    private static InputException unreadable(String name, IOException e) {
        return new InputException("Cannot read " + name + ": expected a readable file, got " + Quote.of(e), e);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
