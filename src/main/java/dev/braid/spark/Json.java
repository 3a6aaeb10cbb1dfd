package dev.braid.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Small JSON files. */
final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private Json() {}

    /**
     * Writes a file that appears whole.
     *
     * @param scratch a directory on the same file system, where it is written first
     */
    static void write(Object value, Path file, Path scratch, FileSystem files) throws IOException {
        Path unfinished = new Path(scratch, file.getName() + "." + UUID.randomUUID());
        // Not the directory too: a task that outlives its failed run must not bring it back.
        try (FSDataOutputStream out =
                files.createFile(unfinished).overwrite(false).build()) {
            out.write(MAPPER.writeValueAsBytes(value));
        }
        if (!files.rename(unfinished, file) && !files.exists(file)) {
            throw new IOException("Cannot rename '" + unfinished + "' to '" + file + "'");
        }
    }

    /**
     * Writes a file at once; it may be seen before it is complete.
     *
     * @throws FileAlreadyExistsException if it exists and may not be overwritten; of several that try, one succeeds
     */
    static void create(Object value, Path file, boolean overwrite, FileSystem files) throws IOException {
        boolean local = files.getUri().getScheme().equals("file");
        if (local && !overwrite) {
            try {
                Files.createFile(java.nio.file.Path.of(file.toUri().getPath())); // Hadoop looks first and creates then
            } catch (java.nio.file.FileAlreadyExistsException exists) {
                throw new FileAlreadyExistsException(file.toString());
            }
        }
        try (FSDataOutputStream out = files.create(file, overwrite || local)) {
            out.write(MAPPER.writeValueAsBytes(value));
        }
    }

    /** What a file holds; empty if there is none, or it is none of this kind. */
    static <T> Optional<T> read(Path file, Class<T> type, FileSystem files) throws IOException {
        try (InputStream in = files.open(file)) {
            return Optional.ofNullable(MAPPER.readValue(in, type));
        } catch (FileNotFoundException | JsonProcessingException | ChecksumException none) {
            return Optional.empty();
        }
    }

    /** Text that is the same for equal values. */
    static String text(Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
