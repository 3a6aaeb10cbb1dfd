package dev.braid.publish;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIOException;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.ipc.RemoteException;

/** Reads and writes small JSON files. */
public final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    /** The option, and the path capability, for a write that fails if the object exists. */
    private static final String CONDITIONAL = "fs.option.create.conditional.overwrite";

    private Json() {}

    /**
     * Writes a file that appears as a whole, unless the file exists.
     *
     * @param scratch a directory on the same file system in which the file is written first, except in an object store
     */
    public static void write(Object value, Path file, Path scratch, FileSystem files) throws IOException {
        if (Publication.isObjectStore(files, file)) {
            try {
                create(value, file, false, files);
            } catch (FileAlreadyExistsException exists) {
                // Another attempt was faster, and its file counts.
            }
            return;
        }
        Path unfinished = unfinished(value, file, scratch, files);
        if (!files.rename(unfinished, file) && !files.exists(file)) {
            throw new IOException("Cannot rename '" + unfinished + "' to '" + file + "'");
        }
    }

    private static Path unfinished(Object value, Path file, Path scratch, FileSystem files) throws IOException {
        Path unfinished = new Path(scratch, file.getName() + "." + UUID.randomUUID());
        // Does not create the directory: a task that outlives its failed run must not bring it back.
        try (FSDataOutputStream out =
                files.createFile(unfinished).overwrite(false).build()) {
            out.write(MAPPER.writeValueAsBytes(value));
        }
        return unfinished;
    }

    /**
     * Writes a file, and replaces an older one if there is one. On the local file system, on HDFS and in object stores whose
     * objects appear when they are complete, readers always find the old file or the new one. Elsewhere the file may be
     * missing or incomplete for a moment.
     *
     * @param scratch a directory on the same file system in which the file is written first, except in an object store
     */
    static void replace(Object value, Path file, Path scratch, FileSystem files) throws IOException {
        if (isLocal(files)) {
            Path unfinished = unfinished(value, file, scratch, files);
            // Hadoop's rename would replace the file and its checksum one after the other. The checksum is not needed.
            java.nio.file.Path to = java.nio.file.Path.of(file.toUri().getPath());
            Files.deleteIfExists(to.resolveSibling("." + file.getName() + ".crc"));
            Files.move(
                    java.nio.file.Path.of(unfinished.toUri().getPath()),
                    to,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } else if (Publication.isObjectStore(files, file)) {
            create(value, file, true, files);
        } else {
            Path unfinished = unfinished(value, file, scratch, files);
            try {
                FileContext.getFileContext(files.getUri(), files.getConf())
                        .rename(unfinished, file, Options.Rename.OVERWRITE);
            } catch (UnsupportedFileSystemException noContext) { // a file system with only Hadoop's older interface
                create(value, file, true, files);
            }
        }
    }

    private static boolean isLocal(FileSystem files) {
        return files.getUri().getScheme().equals("file");
    }

    /**
     * Writes a file directly. It may be seen before it is complete, except in an object store.
     *
     * @throws FileAlreadyExistsException if it exists and may not be overwritten. If several writers try, one succeeds,
     *     unless an object store {@link #isExclusive cannot tell}
     */
    static void create(Object value, Path file, boolean overwrite, FileSystem files) throws IOException {
        byte[] bytes = MAPPER.writeValueAsBytes(value);
        if (!overwrite && hasConditionalWrites(files, file)) {
            createExclusively(bytes, file, files);
            return;
        }
        boolean local = isLocal(files);
        if (local && !overwrite) {
            try {
                // Hadoop would check first and create afterwards.
                Files.createFile(java.nio.file.Path.of(file.toUri().getPath()));
            } catch (java.nio.file.FileAlreadyExistsException exists) {
                throw new FileAlreadyExistsException(file.toString());
            }
        }
        try (FSDataOutputStream out = files.create(file, overwrite || local)) {
            out.write(bytes);
        } catch (RemoteException refused) {
            // The answer of HDFS if another writer has created the file and not closed it yet.
            if (!overwrite && refused.getClassName().endsWith(".AlreadyBeingCreatedException")) {
                throw new FileAlreadyExistsException(file.toString());
            }
            throw refused;
        }
    }

    /** Whether only one of several writers succeeds if they {@link #create} a file at the same moment without overwriting. */
    static boolean isExclusive(FileSystem files, Path file) throws IOException {
        return !Publication.isObjectStore(files, file) || hasConditionalWrites(files, file);
    }

    /**
     * Whether a write can fail if the object exists. S3A supports it since Hadoop 3.4.2; most other clients check, then write.
     */
    private static boolean hasConditionalWrites(FileSystem files, Path file) throws IOException {
        return files.hasPathCapability(file, CONDITIONAL);
    }

    private static void createExclusively(byte[] bytes, Path file, FileSystem files) throws IOException {
        var builder = files.createFile(file).overwrite(false);
        builder.opt(CONDITIONAL, "true");
        try (FSDataOutputStream out = builder.build()) {
            out.write(bytes);
        } catch (PathIOException failure) { // of a class of S3A's library
            if (!files.exists(file)) {
                throw failure;
            }
            try (InputStream in = files.open(file)) {
                // If an answer was lost, the client tries again and finds its own object.
                if (!Arrays.equals(in.readAllBytes(), bytes)) {
                    throw new FileAlreadyExistsException(file.toString());
                }
            }
        }
    }

    /** The value in a file; empty if there is no file, or if it is damaged or of another kind. */
    static <T> Optional<T> read(Path file, Class<T> type, FileSystem files) throws IOException {
        try (InputStream in = files.open(file)) {
            return Optional.ofNullable(MAPPER.readValue(in, type));
        } catch (FileNotFoundException | JsonProcessingException | ChecksumException none) {
            return Optional.empty();
        }
    }

    /** Parses a text that {@link #text} has written. */
    public static <T> T parse(String text, Class<T> type) {
        try {
            return MAPPER.readValue(text, type);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Text that is the same for equal values. */
    public static String text(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
